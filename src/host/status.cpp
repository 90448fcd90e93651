#include "host/status.h"

#include <array>

#include "host/line_reader.h"

namespace ft::host {

namespace {

struct AmountField {
  std::string_view key;
  std::optional<std::uint64_t> ProcessStatus::* field;
};

constexpr std::array kAmounts = {
    AmountField{"VmPeak", &ProcessStatus::vm_peak},
    AmountField{"VmSize", &ProcessStatus::vm_size},
    AmountField{"VmLck", &ProcessStatus::vm_locked},
    AmountField{"VmPin", &ProcessStatus::vm_pinned},
    AmountField{"VmHWM", &ProcessStatus::vm_hwm},
    AmountField{"VmRSS", &ProcessStatus::vm_rss},
    AmountField{"RssAnon", &ProcessStatus::rss_anon},
    AmountField{"RssFile", &ProcessStatus::rss_file},
    AmountField{"RssShmem", &ProcessStatus::rss_shmem},
    AmountField{"VmData", &ProcessStatus::vm_data},
    AmountField{"VmStk", &ProcessStatus::vm_stack},
    AmountField{"VmExe", &ProcessStatus::vm_exe},
    AmountField{"VmLib", &ProcessStatus::vm_lib},
    AmountField{"VmPTE", &ProcessStatus::vm_pte},
    AmountField{"VmSwap", &ProcessStatus::vm_swap},
    AmountField{"HugetlbPages", &ProcessStatus::hugetlb_pages},
    AmountField{"THP_enabled", &ProcessStatus::thp_enabled},
    AmountField{"NoNewPrivs", &ProcessStatus::no_new_privs},
    AmountField{"Seccomp", &ProcessStatus::seccomp},
    AmountField{"voluntary_ctxt_switches", &ProcessStatus::voluntary_switches},
    AmountField{"nonvoluntary_ctxt_switches", &ProcessStatus::involuntary_switches},
};

struct PidField {
  std::string_view key;
  std::int32_t ProcessStatus::* field;
};

constexpr std::array kPids = {
    PidField{"Tgid", &ProcessStatus::tgid},
    PidField{"Pid", &ProcessStatus::pid},
    PidField{"PPid", &ProcessStatus::ppid},
    PidField{"TracerPid", &ProcessStatus::tracer_pid},
};

template <typename Integer>
Result<Integer> take_field(const LineReader& at, std::string_view& rest, int base = 10) {
  const std::string_view word = take_word(rest);
  const std::optional<Integer> number = parse_integer<Integer>(word, base);
  if (!number) return at.expected_at(word.empty() ? rest : word, "a number");
  return *number;
}

// False where the line is none of the tables'.
Result<bool> parse_tabled(const LineReader& at, std::string_view key, std::string_view value,
                          ProcessStatus& status) {
  for (const AmountField& amount : kAmounts) {
    if (amount.key != key) continue;
    status.*amount.field = FT_TRY(parse_amount(at, value));
    return true;
  }
  for (const PidField& pid : kPids) {
    if (pid.key != key) continue;
    status.*pid.field = FT_TRY(take_field<std::int32_t>(at, value));
    return true;
  }
  return false;
}

Result<void> parse_line(const LineReader& at, std::string_view key, std::string_view value,
                        ProcessStatus& status) {
  if (FT_TRY(parse_tabled(at, key, value, status))) return {};
  if (key == "Name") {
    take_char(value, '\t');
    status.name.assign(value);
  } else if (key == "State") {
    const std::string_view word = take_word(value);
    if (word.size() != 1) return at.expected_at(word.empty() ? value : word, "a state letter");
    status.state = word.front();
  } else if (key == "Uid") {
    status.real_uid = FT_TRY(take_field<std::uint32_t>(at, value));
    status.effective_uid = FT_TRY(take_field<std::uint32_t>(at, value));
  } else if (key == "Threads") {
    status.threads = FT_TRY(take_field<std::uint64_t>(at, value));
  } else if (key == "NSpid") {
    while (!trim(value).empty()) {
      status.ns_pids.push_back(FT_TRY(take_field<std::int32_t>(at, value)));
    }
  } else if (key == "CapEff") {
    status.effective_caps = FT_TRY(take_field<std::uint64_t>(at, value, 16));
  } else if (key == "SigCgt") {
    status.caught_signals = FT_TRY(take_field<std::uint64_t>(at, value, 16));
  } else if (key == "Cpus_allowed_list") {
    status.cpus_allowed.assign(trim(value));
  } else if (key == "Mems_allowed_list") {
    status.mems_allowed.assign(trim(value));
  }
  return {};
}

}  // namespace

Result<ProcessStatus> parse_status(std::string_view text, std::string_view name) {
  ProcessStatus status;
  LineReader lines(text, name);
  for (std::string_view line; lines.next(line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return lines.expected_at(line, "a line such as Pid: 1");
    FT_TRY_VOID(parse_line(lines, line.substr(0, colon), line.substr(colon + 1), status));
  }
  return status;
}

}  // namespace ft::host
