// Which kernels keep counts of resident pages in each thread?
#include "host/rss_precision.h"

#include <gtest/gtest.h>

namespace ft::host {
namespace {

TEST(RssPrecision, ThreadsKeepTheirFaultsBefore62) {
  EXPECT_EQ(anonymous_kept_by_threads("6.1.0-56-amd64", 19), 19U * 64 * 4096);
  EXPECT_EQ(rss_kept_by_threads("6.1.0-56-amd64", 19), 19U * 64 * 16 * 4096);
  EXPECT_EQ(anonymous_kept_by_threads("5.15.3", 1), 64U * 4096);
}

TEST(RssPrecision, LaterKernelsCountPerProcessor) {
  EXPECT_EQ(rss_kept_by_threads("6.2.0", 19), 0U);
  EXPECT_EQ(rss_kept_by_threads("6.12.117+deb12-amd64", 19), 0U);
  EXPECT_EQ(rss_kept_by_threads("7.0-rc1", 19), 0U);
}

TEST(RssPrecision, WhatIsNoReleaseKeepsNothing) {
  for (const char* text : {"", "6", "6.", "six.one", ".1", "6-1"})
    EXPECT_EQ(rss_kept_by_threads(text, 19), 0U) << text;
}

}  // namespace
}  // namespace ft::host
