package goals_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// queuedTime returns for how long the calling thread has stood in the queue for
// a processor, ready to run, while others ran. Zero where the kernel does not
// tell.
func queuedTime(tb testing.TB) time.Duration {
	text, err := os.ReadFile("/proc/thread-self/schedstat")
	if err != nil {
		return 0
	}
	var ran, queued int64
	_, err = fmt.Sscan(string(text), &ran, &queued)
	require.NoError(tb, err)
	return time.Duration(queued)
}
