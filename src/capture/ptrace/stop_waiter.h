// Waits for the next stop or death of anybody traced.
//
// Between two stops of a starting JVM often lie less than 50 µs, and putting the tracer to sleep
// and waking it up again costs as much: so it first looks again and again for that long. It does so
// only while that pays, and never where there is one CPU, which the target needs.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

namespace ft::capture::ptrace {

class StopWaiter {
 public:
  StopWaiter();

  struct Change {
    pid_t tid = 0;  // as wait4(2) returns it: -1 with errno set where it failed
    int wait_status = 0;
    rusage usage{};
  };
  // Fails with EINTR when a signal handler without SA_RESTART ran, ECHILD when nobody is left.
  Change wait();

 private:
  bool looking_pays() const;
  bool look(Change& change);

  bool may_look_ = false;
  int score_ = 0;  // up when looking found a stop, down when it did not
  unsigned waits_ = 0;
};

}  // namespace ft::capture::ptrace
