#include "sim/cost/least_squares.h"

#include <algorithm>
#include <cmath>

namespace ft::sim::cost {

namespace {

// One unknown after the other is set to what is best while the others stay: there are a few dozen
// at most, and each pass lowers the error.
void descend(const std::vector<Equation>& equations, const std::vector<double>& weights,
             std::vector<double>& x) {
  constexpr int kMostPasses = 300;
  constexpr double kEnough = 1e-6;
  struct Use {
    std::size_t equation;
    double factor;
  };
  std::vector<std::vector<Use>> uses(x.size());
  std::vector<double> left(equations.size());  // value minus what the unknowns make of it
  for (std::size_t i = 0; i < equations.size(); ++i) {
    for (const auto& [unknown, factor] : equations[i].terms) uses[unknown].push_back({i, factor});
    left[i] = equations[i].value - value_at(equations[i], x);
  }
  for (int pass = 0; pass < kMostPasses; ++pass) {
    double most = 0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      double top = 0;
      double bottom = 0;
      for (const Use& use : uses[k]) {
        top += weights[use.equation] * use.factor * (left[use.equation] + use.factor * x[k]);
        bottom += weights[use.equation] * use.factor * use.factor;
      }
      if (bottom <= 0) continue;
      const double next = std::max(0.0, top / bottom);
      const double change = next - x[k];
      for (const Use& use : uses[k]) left[use.equation] -= use.factor * change;
      most = std::max(most, std::abs(change) / std::max(next, 1.0));
      x[k] = next;
    }
    if (most < kEnough) return;
  }
}

}  // namespace

double value_at(const Equation& equation, const std::vector<double>& at) {
  double value = 0;
  for (const auto& [unknown, factor] : equation.terms) value += factor * at[unknown];
  return value;
}

std::vector<double> solve_relative(const std::vector<Equation>& equations, std::size_t unknowns) {
  constexpr int kRounds = 4;
  std::vector<double> x(unknowns);
  std::vector<double> weights(equations.size());
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < equations.size(); ++i) {
      // Relative to what is expected rather than to what was seen, which would favour small values.
      const double seen = equations[i].value;
      const double expected = round == 0 ? seen : value_at(equations[i], x);
      const double scale = std::max(expected, seen / 10);
      weights[i] = scale > 0 ? equations[i].weight / (scale * scale) : 0;
    }
    descend(equations, weights, x);
  }
  return x;
}

}  // namespace ft::sim::cost
