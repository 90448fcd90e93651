// What all do to a thread that they hold by PTRACE_SEIZE.
#pragma once

#include <sys/types.h>

namespace ft::capture {

// Of a stop that waitpid told of: PTRACE_EVENT_..., 0 where a signal is about to be delivered.
int ptrace_event_of(int wait_status);

// Of a stop of PTRACE_EVENT_STOP: the whole process is to stand still (Ctrl-Z) until SIGCONT.
bool stands_still(int wait_status);

// Lets a stopped thread go on as if nobody had been told: signals are delivered, and a process that
// is to stand still does. REQUIRES: not stopped in an event of its own
// (PTRACE_EVENT_EXEC, _EXIT), which resume() is for.
void pass_on(pid_t tid, int wait_status);

// Continues a stopped thread, with a signal or 0.
void resume(pid_t tid, int signal);

// Lets go of a seized thread, wherever it is: it runs on untraced.
void let_go(pid_t tid);

}  // namespace ft::capture
