// Least squares with unknowns that cannot be negative: times.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace ft::sim::cost {

// One observation: the sum over `terms` of factor times unknown is `value`.
struct Equation {
  std::vector<std::pair<std::size_t, double>> terms;  // unknown, factor; each factor positive
  double value = 0;                                   // positive
  double weight = 1;                                  // how often it was observed
};

// The unknowns that leave the least relative error. One that is in no equation is 0. Unknowns that
// never come apart get one of the many solutions, whose sums are all the same.
std::vector<double> solve_relative(const std::vector<Equation>& equations, std::size_t unknowns);

// REQUIRES: `at` holds every unknown of the equation.
double value_at(const Equation& equation, const std::vector<double>& at);

}  // namespace ft::sim::cost
