// Opening a recording's file: what kind of file it is, whether it is whole, and what a killed
// recorder left to be put right. Nothing about the file is trusted and nothing of it is changed.
#pragma once

#include <string>

#include "base/result.h"
#include "recording/sqlite.h"

namespace ft::recording {

// A database that has the very tables of a recording, opened for reading. Where the recorder was
// killed in the middle of a commit, SQLite rolls that back in a private copy.
Result<Database> open_recording(const std::string& path);

// "how to repair or replace it" for damage anywhere in a recording.
std::unexpected<Error> damaged(std::string where, std::string why);

}  // namespace ft::recording
