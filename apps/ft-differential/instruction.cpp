#include "instruction.h"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <string_view>

#include "base/text.h"
#include "event/syscall_flags.h"

namespace ft::differential {

namespace {

// Writes "Name{.a = 1, .b = 2}", leaving out members that have their default.
class Members {
 public:
  explicit Members(std::string_view name) : text_(name) { text_ += '{'; }

  Members& number(std::string_view member, std::uint64_t value) {
    return value == 0 ? *this : text(member, value < 10 ? fmt::format("{}", value) : hex(value));
  }
  Members& count(std::string_view member, std::uint64_t value, std::uint64_t usual) {
    return value == usual ? *this : text(member, fmt::format("{}", value));
  }
  Members& file(int value) {
    if (value == kNoFile) return *this;
    return text("file", value == kBadFile ? "kBadFile" : fmt::format("{}", value));
  }
  // By the names of a system call's argument, as C++ reads them.
  Members& flags(std::string_view member, std::uint64_t value, long call, unsigned argument) {
    if (value == 0) return *this;
    const event::FlagTable* table =
        event::argument_formats(static_cast<event::SyscallNumber>(call))[argument].table;
    std::string names;
    if (table)
      event::append_flags(names, value, *table);
    else
      names = hex(value);
    return text(member, names);
  }
  Members& text(std::string_view member, std::string_view value) {
    if (text_.back() != '{') text_ += ", ";
    text_ += fmt::format(".{} = {}", member, value);
    return *this;
  }
  std::string close() { return std::move(text_) + '}'; }

 private:
  std::string text_;
};

std::string_view name_of(Access access) {
  switch (access) {
    case Access::Read:
      return "Access::Read";
    case Access::Write:
      return "Access::Write";
    case Access::Execute:
      return "Access::Execute";
  }
  return {};
}

std::string print(const Mmap& call) {
  return Members("Mmap")
      .number("process", call.process)
      .number("addr", call.addr)
      .number("length", call.length)
      .flags("prot", call.prot, SYS_mmap, 2)
      .flags("flags", call.flags, SYS_mmap, 3)
      .file(call.file)
      .number("offset", call.offset)
      .close();
}

// Those that take a range and nothing else.
template <typename Call>
Members range_call(std::string_view name, const Call& call) {
  Members members(name);
  members.number("process", call.process).number("addr", call.addr).number("length", call.length);
  return members;
}

std::string print(const Munmap& call) {
  return range_call("Munmap", call).close();
}

std::string print(const Mprotect& call) {
  return range_call("Mprotect", call).flags("prot", call.prot, SYS_mprotect, 2).close();
}

std::string print(const Madvise& call) {
  return range_call("Madvise", call).text("advice", fmt::format("{}", call.advice)).close();
}

std::string print(const Mremap& call) {
  return Members("Mremap")
      .number("process", call.process)
      .number("addr", call.addr)
      .number("old_length", call.old_length)
      .number("new_length", call.new_length)
      .flags("flags", call.flags, SYS_mremap, 3)
      .number("new_addr", call.new_addr)
      .close();
}

std::string print(const Brk& call) {
  return Members("Brk").number("process", call.process).number("addr", call.addr).close();
}

std::string print(const Mlock& call) {
  return range_call("Mlock", call).number("flags", call.flags).close();
}

std::string print(const Munlock& call) {
  return range_call("Munlock", call).close();
}

std::string print(const Mseal& call) {
  return range_call("Mseal", call).number("flags", call.flags).close();
}

std::string print(const Touch& touch) {
  return Members("Touch")
      .number("process", touch.process)
      .number("addr", touch.addr)
      .text("access", name_of(touch.access))
      .count("pages", touch.pages, 1)
      .close();
}

std::string print(const Fork& fork) {
  return Members("Fork").number("process", fork.process).close();
}

std::string print(const Exit& exit) {
  return Members("Exit").number("process", exit.process).close();
}

std::string print(const Ftruncate& call) {
  return Members("Ftruncate").file(call.file).number("size", call.size).close();
}

std::string print(const File& file) {
  Members members("File");
  if (file.kind == File::Kind::Disk) members.text("kind", "File::Kind::Disk");
  if (file.mode == File::Mode::ReadOnly) members.text("mode", "File::Mode::ReadOnly");
  if (file.mode == File::Mode::WriteOnly) members.text("mode", "File::Mode::WriteOnly");
  return members.number("size", file.size).close();
}

// Empty where all is as usual.
std::string print(const Start& start) {
  const Start usual;
  Members members("");
  bool special = false;
  const auto limit = [&](std::string_view member, std::uint64_t value, std::uint64_t usual_value) {
    if (value == usual_value) return;
    members.text(member, value == kUnlimited ? "kUnlimited" : hex(value));
    special = true;
  };
  limit("address_space_limit", start.address_space_limit, usual.address_space_limit);
  limit("data_limit", start.data_limit, usual.data_limit);
  limit("stack_limit", start.stack_limit, usual.stack_limit);
  limit("memlock_limit", start.memlock_limit, usual.memlock_limit);
  if (!start.privileged) {
    members.text("privileged", "false");
    special = true;
  }
  return special ? members.close() : std::string();
}

}  // namespace

std::string to_cpp(const Instruction& instruction) {
  return std::visit([](const auto& any) { return print(any); }, instruction);
}

std::string to_cpp(const Program& program, const std::string& name) {
  std::string out =
      fmt::format("TEST(DifferentialRegressions, {}) {{\n  expect_agreement({{\n", name);
  if (const std::string start = print(program.start); !start.empty())
    out += fmt::format("      .start = {},\n", start);
  if (!program.files.empty()) {
    out += "      .files = {";
    for (const File& file : program.files) {
      if (&file != program.files.data()) out += ", ";
      out += print(file);
    }
    out += "},\n";
  }
  out += "      .instructions = {\n";
  for (const Instruction& instruction : program.instructions)
    out += fmt::format("          {},\n", to_cpp(instruction));
  return out + "      },\n  });\n}\n";
}

const unsigned* process_of(const Instruction& instruction) {
  return std::visit(
      [](const auto& any) -> const unsigned* {
        if constexpr (requires { any.process; })
          return &any.process;
        else
          return nullptr;
      },
      instruction);
}

}  // namespace ft::differential
