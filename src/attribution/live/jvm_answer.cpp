#include "attribution/live/jvm_answer.h"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

#include "attribution/score.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "jvm/attach.h"

namespace ft::attribution {

namespace {

using jvm::Subsystem;

constexpr std::string_view kDetail = "VM.native_memory detail scale=B";
constexpr std::string_view kSummary = "VM.native_memory summary scale=B";
constexpr std::string_view kSystemMap = "System.map";

// --- asking ------------------------------------------------------------------------------------

// HotSpot reads it from its command line and from variables of its environment; the last one holds.
bool says_attach_is_off(const host::CommandWords& command) {
  bool off = false;
  for (const std::string& word : command.words) {
    if (word == "-XX:+DisableAttachMechanism") off = true;
    if (word == "-XX:-DisableAttachMechanism") off = false;
  }
  return off;
}

Result<void> check_that_it_may_be_asked(const host::HostFiles& files,
                                        const host::ProcessIdentity& who,
                                        const jvm::HotSpotMemory& jvm,
                                        const host::ProcessStatus& status) {
  const std::string what = fmt::format("asking the JVM {}", who.pid);
  if (::geteuid() != 0 && ::geteuid() != status.effective_uid) {
    return fail(what, fmt::format("it belongs to user {}", status.effective_uid),
                "run this as that user or as root");
  }
  const auto words = host::read_command_words(files, who);
  if (jvm.attach_disabled || (jvm.version.empty() && words && says_attach_is_off(*words))) {
    return fail(what, "it was started with -XX:+DisableAttachMechanism and answers nobody",
                "without --ask-jvm its memory is told apart from outside");
  }
  if (status.state == 'T' || status.state == 't') {
    return fail(what, "it is stopped, by a signal or a debugger, and cannot answer");
  }
  const std::uint64_t quit = std::uint64_t{1} << (SIGQUIT - 1U);
  if ((status.caught_signals.value_or(0) & quit) == 0) {
    return fail(what, "it does not catch SIGQUIT, which would end it",
                "it is still starting, or runs with -Xrs");
  }
  return {};
}

class Questions {
 public:
  Questions(const host::HostFiles& files, const host::ProcessIdentity& who, Nanoseconds time_limit)
      : files_(files), who_(who), deadline_(monotonic_now() + time_limit) {}

  Result<JvmAnswer> run(const jvm::HotSpotMemory& jvm) {
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, who_.pid, 0)));
    const host::ProcessMemory before = FT_TRY(look());
    if (!process.valid()) return fail_errno(fmt::format("process {}", who_.pid), errno);
    FT_TRY_VOID(check_that_it_may_be_asked(files_, who_, jvm, before.status));
    const pid_t inner = before.status.ns_pids.empty() ? who_.pid : before.status.ns_pids.back();
    target_ = {.pid = who_.pid,
               .inner_pid = inner,
               .user = before.status.effective_uid,
               .process = process.get(),
               .temp_dir = files_.path(fmt::format("/proc/{}/root/tmp", who_.pid))};
    answer_.resident_before = FT_TRY(host::read_rollup(files_, who_)).resident();
    answer_.threads_before = before.status.threads;
    FT_TRY_VOID(ask_all());
    answer_.resident_after = FT_TRY(host::read_rollup(files_, who_)).resident();
    answer_.threads_after = FT_TRY(look()).status.threads;
    return std::move(answer_);
  }

 private:
  Result<host::ProcessMemory> look() const {
    const host::ProcessSight sight = FT_TRY(host::look_at_process(files_, who_, monotonic_now()));
    if (!sight.memory) return fail(fmt::format("process {}", who_.pid), "has ended");
    return *sight.memory;
  }

  Result<std::string> ask(std::string_view command) {
    answer_.commands.emplace_back(command);
    return jvm::ask_jvm(target_, command, deadline_);
  }

  Result<void> ask_all() {
    const std::string detail = FT_TRY(ask(kDetail));
    if (!detail.starts_with("Native memory tracking is not enabled") &&
        !detail.starts_with("Detail tracking is not enabled")) {
      answer_.nmt = FT_TRY(jvm::parse_nmt(detail, kDetail));
      return {};
    }
    if (detail.starts_with("Native")) {
      answer_.notes.emplace_back(
          "asked, the JVM has nothing to say of its memory: native memory tracking is off in it "
          "(-XX:NativeMemoryTracking=detail at its start), and System.map names nothing without");
      return {};
    }
    const std::string summary = FT_TRY(ask(kSummary));
    answer_.nmt = FT_TRY(jvm::parse_nmt(summary, kSummary));
    const auto map = ask(kSystemMap);
    if (map) {
      answer_.system_map = FT_TRY(jvm::parse_system_map(*map, kSystemMap));
    } else if (map.error().why.find("Unknown diagnostic command") != std::string::npos) {
      answer_.notes.emplace_back(
          "the JVM keeps sums of its memory and no addresses (-XX:NativeMemoryTracking=detail has "
          "them), and is older than System.map (JDK 24)");
    } else {
      return std::unexpected(map.error());
    }
    return {};
  }

  const host::HostFiles& files_;
  host::ProcessIdentity who_;
  Nanoseconds deadline_;
  jvm::AttachTarget target_;
  JvmAnswer answer_;
};

// --- what it said -------------------------------------------------------------------------------

struct Named {
  std::string_view name;
  Subsystem subsystem;
};

constexpr std::array kTags = {
    Named{"Java Heap", Subsystem::JavaHeap},
    Named{"Class", Subsystem::ClassSpace},
    Named{"Metaspace", Subsystem::Metaspace},
    Named{"Shared class space", Subsystem::CdsArchive},
    Named{"GC", Subsystem::GcOther},
    Named{"GCCardSet", Subsystem::GcOther},
    Named{"Code", Subsystem::CodeCache},
    Named{"Thread Stack", Subsystem::JvmThreadStacks},
    Named{"Thread", Subsystem::JvmThreadStacks},
};

// System.map's names, and the tags they stand for.
struct Label {
  std::string_view name;
  std::string_view tag;
};
constexpr std::array kLabels = {
    Label{"JAVAHEAP", "Java Heap"},
    Label{"CLASS", "Class"},
    Label{"META", "Metaspace"},
    Label{"CDS", "Shared class space"},
    Label{"GC", "GC"},
    Label{"CARDTBL", "GC"},
    Label{"CODE", "Code"},
    Label{"POLL", "Safepoint"},
    Label{"INTERN", "Internal"},
};

std::string_view tag_of_label(std::string_view label) {
  if (label.starts_with("STACK")) return "Thread Stack";
  const auto found = std::ranges::find(kLabels, label, &Label::name);
  return found == kLabels.end() ? std::string_view() : found->tag;
}

// A tag without a subsystem of its own is the JVM's all the same.
Owner owner_for_tag(std::string_view tag, Evidence evidence) {
  const auto found = std::ranges::find(kTags, tag, &Named::name);
  if (found != kTags.end()) return {found->subsystem, evidence, ""};
  return {Subsystem::JvmInternal, evidence, std::string(tag)};
}

bool owns_files(Subsystem subsystem) {
  return subsystem == Subsystem::JavaHeap || subsystem == Subsystem::CdsArchive ||
         subsystem == Subsystem::CodeCache;
}

void claim_nmt(const jvm::NmtReport& nmt, Claims& claims) {
  for (const jvm::NmtRegion& region : nmt.regions) {
    std::vector<std::pair<AddressRange, Claim>> known;
    claims.for_each_in(region.range, [&](AddressRange piece, const Claim& claim) {
      if (stands_for_tag(claim.owner.subsystem, region.tag)) known.emplace_back(piece, claim);
    });
    const Owner owner = owner_for_tag(region.tag, Evidence::Nmt);
    claims.assign(region.range, {owner, owns_files(owner.subsystem)});
    for (auto& [piece, claim] : known) {
      claim.owner.evidence = Evidence::Nmt;
      claims.assign(piece, std::move(claim));
    }
  }
}

void claim_system_map(const std::vector<jvm::SystemMapEntry>& entries, Claims& claims) {
  for (const jvm::SystemMapEntry& entry : entries) {
    std::vector<std::string_view> tags;
    for (const std::string& label : entry.info) {
      const std::string_view tag = tag_of_label(label);
      if (!tag.empty() && std::ranges::find(tags, tag) == tags.end()) tags.push_back(tag);
    }
    if (tags.empty()) continue;
    std::vector<std::pair<AddressRange, Claim>> known;
    claims.for_each_in(entry.range, [&](AddressRange piece, const Claim& claim) {
      const bool agrees = std::ranges::any_of(
          tags, [&](std::string_view tag) { return stands_for_tag(claim.owner.subsystem, tag); });
      if (agrees) known.emplace_back(piece, claim);
    });
    if (tags.size() == 1 && entry.file.empty()) {
      const Owner owner = owner_for_tag(tags.front(), Evidence::SystemMap);
      for (const AddressRange part : unclaimed(entry.range, claims)) {
        claims.assign(part, {owner, false});
      }
    }
    for (auto& [piece, claim] : known) {
      claim.owner.evidence = Evidence::SystemMap;
      claims.assign(piece, std::move(claim));
    }
  }
}

}  // namespace

Result<JvmAnswer> ask_for_memory(const host::HostFiles& files, const host::ProcessIdentity& who,
                                 const jvm::HotSpotMemory& jvm, Nanoseconds time_limit) {
  return Questions(files, who, time_limit).run(jvm);
}

void claim_answer(const JvmAnswer& answer, Claims& claims) {
  if (answer.nmt) claim_nmt(*answer.nmt, claims);
  claim_system_map(answer.system_map, claims);
}

}  // namespace ft::attribution
