#include "host/jdks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>

#include "base/fd.h"
#include "base/text.h"
#include "host/line_reader.h"

namespace ft::host {

namespace {

constexpr std::size_t kMostJdks = 64;

// Where the server VM lies below a JDK's home: JDK 9 and later, a JRE of JDK 8, a JDK 8.
constexpr std::array<std::string_view, 3> kLibjvmPlaces = {
    "/lib/server/libjvm.so", "/lib/amd64/server/libjvm.so", "/jre/lib/amd64/server/libjvm.so"};

std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (!real) return std::nullopt;
  return std::string(real.get());
}

// The value of a line such as JAVA_VERSION="17.0.15".
std::string value_in_release(std::string_view text, std::string_view key) {
  LineReader lines(text, "release");
  for (std::string_view line; lines.next(line);) {
    std::string_view rest = line;
    if (take_until(rest, '=') != key) continue;
    rest = trim(rest);
    if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') {
      rest.remove_prefix(1);
      rest.remove_suffix(1);
    }
    return std::string(rest);
  }
  return {};
}

class Collector {
 public:
  explicit Collector(const HostFiles& files) : files_(files) {}

  void add_home(const std::string& home) {
    if (jdks_.size() >= kMostJdks) return;
    for (const std::string_view place : kLibjvmPlaces) {
      const auto libjvm = real_path(files_.path(home) + std::string(place));
      if (!libjvm || !seen_.insert(*libjvm).second) continue;
      const Result<LibraryNotes> notes = read_library_notes(*libjvm);
      if (!notes) continue;
      Jdk jdk;
      jdk.libjvm = *libjvm;
      jdk.home = libjvm->substr(0, libjvm->size() - place.size());
      jdk.notes = *notes;
      if (const Result<std::string> release = read_file(jdk.home + "/release", 65536)) {
        jdk.version = value_in_release(*release, "JAVA_VERSION");
        jdk.vendor = value_in_release(*release, "IMPLEMENTOR");
      }
      jdks_.push_back(std::move(jdk));
      return;
    }
  }

  // A `java` on the path is a link into its JDK: .../bin/java or .../jre/bin/java.
  void add_launcher(const std::string& launcher) {
    const auto real = real_path(files_.path(launcher));
    if (!real || !real->ends_with("/bin/java")) return;
    std::string home = real->substr(0, real->size() - std::string_view("/bin/java").size());
    // add_home() puts the root in front again.
    if (home.starts_with(files_.root())) home.erase(0, files_.root().size());
    add_home(home);
  }

  std::vector<Jdk> take() {
    std::ranges::sort(jdks_, {}, &Jdk::home);
    return std::move(jdks_);
  }

 private:
  const HostFiles& files_;
  std::set<std::string> seen_;
  std::vector<Jdk> jdks_;
};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Result<LibraryNotes> read_library_notes(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno);
  if (::elf_version(EV_CURRENT) == EV_NONE) return fail(path, "libelf is too old");
  const std::unique_ptr<Elf, int (*)(Elf*)> elf(::elf_begin(fd.get(), ELF_C_READ, nullptr),
                                                ::elf_end);
  std::size_t names = 0;
  if (!elf || ::elf_kind(elf.get()) != ELF_K_ELF || ::elf_getshdrstrndx(elf.get(), &names) != 0) {
    return fail(path, "not an ELF file with sections");
  }
  LibraryNotes notes;
  for (Elf_Scn* scn = nullptr; (scn = ::elf_nextscn(elf.get(), scn)) != nullptr;) {
    GElf_Shdr header;
    if (!::gelf_getshdr(scn, &header)) continue;
    const char* name = ::elf_strptr(elf.get(), names, header.sh_name);
    if (!name) continue;
    // A stripped file may keep an empty table.
    if (header.sh_type == SHT_SYMTAB && header.sh_size > header.sh_entsize) notes.has_symtab = true;
    if (std::string_view(name) == ".gnu_debuglink") notes.has_debuglink = true;
    if (std::string_view(name) == ".note.stapsdt") notes.has_static_probes = true;
  }
  return notes;
}

JdkHints JdkHints::from_environment() {
  return {environment("JAVA_HOME"), environment("PATH")};
}

std::vector<Jdk> find_jdks(const HostFiles& files, const JdkHints& hints) {
  Collector collector(files);
  const std::string folder = "/usr/lib/jvm";
  for (const std::string& name : files.names_in(folder)) collector.add_home(folder + "/" + name);
  if (hints.java_home.starts_with('/')) collector.add_home(hints.java_home);
  for (const std::string_view part : split(hints.path, ':')) {
    if (part.starts_with('/')) collector.add_launcher(std::string(part) + "/java");
  }
  return collector.take();
}

}  // namespace ft::host
