#include "calibrate/rounds.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "calibrate/other_work.h"
#include "calibrate/stopwatch.h"

namespace ft::calibrate {

namespace {

std::uint64_t faults_of_this_thread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_minflt + usage.ru_majflt);
}

bool about(std::uint64_t seen, std::uint64_t wanted) {
  const std::uint64_t tolerated = wanted / 100 + 2;
  return seen <= wanted + tolerated && seen + tolerated >= wanted;
}

Ran refused(const char* step) {
  return {.worked = false, .why_not = fmt::format("{}: {}", step, std::strerror(errno))};
}

}  // namespace

Ran run_once(const Exercise& exercise, const std::function<void(bool)>& mark) {
  if (!exercise.prepare()) {
    Ran ran = refused("it could not be prepared");
    exercise.clean();
    return ran;
  }
  if (exercise.key.cold) other_work();  // what it needs is there then
  const std::uint64_t faults_before = faults_of_this_thread();
  if (mark) mark(true);
  const Nanoseconds begin = thread_time();
  const bool worked = exercise.run(exercise.key.cold ? Pause(other_work) : Pause());
  const Nanoseconds end = thread_time();
  Ran ran = worked ? Ran{.worked = true, .why_not = {}} : refused("the kernel refused");
  if (mark && worked) mark(false);
  ran.nanoseconds = static_cast<double>(end - begin) / static_cast<double>(exercise.operations);
  if (exercise.touch_rest) exercise.touch_rest();
  const std::uint64_t faults = faults_of_this_thread() - faults_before;
  if (worked && exercise.counts == Counts::Faults && !about(faults, exercise.operations)) {
    ran.worked = false;
    ran.why_not = fmt::format("there were {} faults instead of {}", faults, exercise.operations);
  }
  exercise.clean();
  return ran;
}

Rounds run_rounds(const std::vector<Exercise>& list, std::size_t rounds, const KeepOn& keep_on) {
  Rounds done;
  for (std::size_t i = 0; i < rounds; ++i) {
    Round& round = done.rounds.emplace_back();
    for (const Exercise& exercise : list) {
      if (!keep_on()) return done;
      Ran ran = run_once(exercise);
      if (ran.worked) {
        round[exercise.key] = ran.nanoseconds;
      } else {
        done.failed[exercise.key] = std::move(ran.why_not);
      }
    }
  }
  return done;
}

}  // namespace ft::calibrate
