package harlow

import (
	"os"
	"runtime"
	"testing"
)

// TestMain runs the tests on one processor: harlow/kinesis-consumer changes a map
// from several goroutines without a lock, which would now and then end the whole
// test binary.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}
