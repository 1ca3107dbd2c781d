// Package thirdparty has libraries that others wrote run against the fake: through
// splits and merges, throttling, expired iterators, broken connections and
// restarts. What each test shows is in docs/testing.md. There is a package for
// each library because two of them cannot be in one program: they register the
// same protocol buffers.
package thirdparty
