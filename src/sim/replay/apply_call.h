// One recorded system call, asked of the model.
#pragma once

#include <cstdint>
#include <optional>

#include "event/event.h"
#include "sim/machine/process.h"
#include "sim/replay/file_table.h"

namespace ft::sim::replay {

// What the call means to an address space.
enum class CallKind : std::uint8_t {
  Modelled,
  NoEffect,     // asks, or changes something else: msync, mincore, clone, a thread's name
  NotModelled,  // changes it in a way the model has no part for: shmat, userfaultfd
};

CallKind kind_of(const event::Syscall& call);

// The kernel was free to choose where it goes, and did.
bool chooses_place(const event::Syscall& call);

// The model's answer; nothing where it is none of the model's business.
std::optional<std::int64_t> apply_call(const event::Syscall& call, machine::Process& process,
                                       FileTable& files);

// Takes back a mapping that apply_call() made somewhere, and puts it where the kernel did, so that
// what follows finds the same address space. `model_ret` is what apply_call() answered.
void take_back(const event::Syscall& call, std::int64_t model_ret, machine::Process& process);
void put_right(const event::Syscall& call, machine::Process& process, FileTable& files);

}  // namespace ft::sim::replay
