// Attribution, as the SQL tables of a recording ask for it.
#pragma once

#include <memory>

#include "recording/subsystem_lookup.h"

namespace ft::app {

std::unique_ptr<recording::SubsystemLookup> make_subsystem_lookup(const event::Trace& trace);

}  // namespace ft::app
