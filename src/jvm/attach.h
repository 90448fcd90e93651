// Attachment asks a running HotSpot JVM one diagnostic command, as jcmd does: through the socket of
// its attach listener, which is started first where it does not run. No JDK is needed here.
//
// It costs the JVM something: a thread that stays, its stack, and what the command allocates.
//
// Source: src/hotspot/os/posix/attachListener_posix.cpp and
// src/jdk.attach/linux/classes/sun/tools/attach/VirtualMachineImpl.java of JDK 17 and 25 (version 1
// of the protocol, which all of them speak).
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"

namespace ft::jvm {

// Where a JVM is to be found from here.
struct AttachTarget {
  pid_t pid = 0;         // as we see it
  pid_t inner_pid = 0;   // as it sees itself: in a pid namespace another one
  uid_t user = 0;        // its effective user
  int process = -1;      // pidfd, so that a signal reaches nobody else
  std::string temp_dir;  // its /tmp as we see it: "/proc/PID/root/tmp"
};

// What the JVM answers to `command` ("VM.native_memory detail scale=B"). All of it by `deadline`
// (CLOCK_MONOTONIC), or it fails.
//
// REQUIRES: the process catches SIGQUIT. Of any other it would be the end.
Result<std::string> ask_jvm(const AttachTarget& target, std::string_view command,
                            Nanoseconds deadline);

// The text of an answer, which begins with a line of a number: 0, or the command failed and the
// text says how. `name` is for messages.
Result<std::string> parse_attach_answer(std::string_view answer, std::string_view name);

}  // namespace ft::jvm
