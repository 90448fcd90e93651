#include "calibrate/chain.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "calibrate/stopwatch.h"

namespace ft::calibrate {

std::uint64_t mixed(std::uint64_t number) {
  number += 0x9e3779b97f4a7c15;
  number = (number ^ number >> 30U) * 0xbf58476d1ce4e5b9;
  number = (number ^ number >> 27U) * 0x94d049bb133111eb;
  return number ^ number >> 31U;
}

void link_in_order(const std::vector<char*>& places) {
  FT_CHECK(!places.empty());
  for (std::size_t i = 0; i < places.size(); ++i) {
    *reinterpret_cast<char**>(places[i]) = places[(i + 1) % places.size()];
  }
}

void link_randomly(std::vector<char*>& places) {
  for (std::size_t i = places.size(); i > 1; --i) {
    std::swap(places[i - 1], places[mixed(places.size() * 0x10001 + i) % i]);
  }
  link_in_order(places);
}

char* follow(char* from, std::uint64_t loads) {
  char* at = from;
  for (std::uint64_t i = 0; i < loads; ++i) at = *reinterpret_cast<char* volatile*>(at);
  return at;
}

double time_of_load(char* from, std::uint64_t warm, std::uint64_t loads) {
  char* at = follow(from, warm);
  const Nanoseconds begin = thread_time();
  at = follow(at, loads);
  const Nanoseconds end = thread_time();
  asm volatile("" ::"r"(at));
  return static_cast<double>(end - begin) / static_cast<double>(loads);
}

}  // namespace ft::calibrate
