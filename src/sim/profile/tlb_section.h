// The [tlb] section of a machine file: a core by name, or a geometry spelled out.
#pragma once

#include "base/result.h"
#include "sim/profile/toml_view.h"
#include "sim/tlb/geometry.h"

namespace ft::sim::profile {

// Errors as parse_machine; where the section is missing, too.
Result<tlb::Geometry> tlb_of(TomlView& root);

}  // namespace ft::sim::profile
