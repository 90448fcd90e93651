// Runs programs of the differential test within the test suite.
#pragma once

#include <gtest/gtest.h>

#include "host_settings.h"
#include "instruction.h"
#include "runner.h"

namespace ft::differential {

// Runs the program on this host's kernel and in the model; both must agree after every instruction.
// Skips where programs cannot be compared on this host: the reason says why.
void expect_agreement(const Program& program);

}  // namespace ft::differential
