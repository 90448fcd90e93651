// The screen of `watch`: refreshes until the reader quits.
#pragma once

#include "base/result.h"
#include "base/units.h"
#include "report/terminal/screen.h"
#include "watch_session.h"

namespace ft::app {

// Ends when the reader quits, and when a signal asks for it.
Result<void> show_on_screen(report::terminal::Screen& screen, WatchSession& session,
                            Nanoseconds interval);

}  // namespace ft::app
