// A ring of pointers, and how long a way round it takes.
#pragma once

#include <cstdint>
#include <vector>

namespace ft::calibrate {

// Links the places into one ring in a random order, the same for the same number of places.
// REQUIRES: each is aligned for a pointer; there is one at least.
void link_randomly(std::vector<char*>& places);

// Links them in the order given.
void link_in_order(const std::vector<char*>& places);

// Follows `loads` pointers from `from`; the place where it ends.
char* follow(char* from, std::uint64_t loads);

// Nanoseconds a load, of `loads`, after `warm` that are not timed.
double time_of_load(char* from, std::uint64_t warm, std::uint64_t loads);

// A number that looks random, of a number: as splitmix64 mixes.
std::uint64_t mixed(std::uint64_t number);

}  // namespace ft::calibrate
