// JvmMarker sets the breakpoints that tell of a JVM's life: its USDT probes and the function that
// names G1's side tables.
//
// Setting one waits for the kernel: register_for_each_vma (kernel/events/uprobes.c) synchronises
// RCU, and perf's event_mutex is held while another recorder takes its breakpoints out. Some 10 ms
// as a rule, hundreds where two recordings follow each other. A target that is not running yet may
// wait for that; one that runs may not, for the recorder has to answer its stops meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "capture/bpf/probes.h"
#include "event/sink.h"

namespace ft::capture::bpf {

class JvmMarker {
 public:
  struct Jvm {
    event::Pid pid = 0;
    std::string libjvm;         // as the process names it
    std::string readable_path;  // the same file as the recorder reaches it
  };

  explicit JvmMarker(Probes& probes) : probes_(probes) {}
  JvmMarker(const JvmMarker&) = delete;
  JvmMarker& operator=(const JvmMarker&) = delete;
  ~JvmMarker() { stop(); }

  // Each process once. mark_now() returns when the breakpoints are set.
  void mark_now(const Jvm& jvm);
  void mark_soon(Jvm jvm);

  // Gives up what has not begun, and tells what was set and what is missing: fewer phases, and G1's
  // tables told apart by order, are worth a notice, not an error. The probes may be detached then.
  void finish(event::EventSink& sink);

 private:
  void mark(const Jvm& jvm);
  void run();
  void stop();

  Probes& probes_;
  std::set<event::Pid> asked_;
  std::mutex mutex_;  // guards what is below
  std::condition_variable wanted_;
  std::deque<Jvm> queue_;
  bool stopping_ = false;
  std::vector<std::string> breakpoints_;  // "OFFSET LIBJVM"
  std::vector<std::string> complaints_;
  std::thread thread_;  // from the first mark_soon() on
};

}  // namespace ft::capture::bpf
