// How the views of watch write figures.
#pragma once

#include <string>

#include "report/model/watch.h"

namespace ft::report::text {

inline constexpr std::string_view kUnknown = "-";

std::string bytes_or_dash(const model::Known<model::Bytes>& bytes);
std::string count_or_dash(const model::Known<model::Count>& count);
// "812", "3.1"; a dash where there is no rate yet.
std::string rate_words(const model::Known<double>& per_second);
// "+3.1 MiB"
std::string signed_bytes(const model::Known<std::int64_t>& bytes);
std::string growth_words(const model::Known<double>& per_second);
// "12 s ago"
std::string age_words(const model::Known<Nanoseconds>& age);
// "12.5 %"
std::string share_words(const model::Known<double>& share);
// "14:05:09", in the local time
std::string clock_words(Nanoseconds realtime);

// A counter of a group by its name; nullptr where there is none.
const model::Rate* rate_named(const model::Watch& watch, std::string_view name);

}  // namespace ft::report::text
