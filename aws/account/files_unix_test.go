//go:build linux || darwin

package account_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
)

// limitFiles lets the process have so many files open.
func limitFiles(t *testing.T, n uint64) {
	t.Helper()
	var r syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r))
	r.Cur = n
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &r))
}

// filesUnder returns how large the files below a directory are.
func filesUnder(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	sizes := make(map[string]int64)
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		sizes[path] = info.Size()
		return err
	}))
	return sizes
}

// Where a process may have few files open, streams are created until some are
// left for all else; those that there are work, and nothing is lost. The test
// runs in a process of its own, which it lowers the limit of.
func TestOpen_fewFiles(t *testing.T) {
	const child = "WEIR_TEST_FEW_FILES"
	if os.Getenv(child) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestOpen_fewFiles$", "-test.v")
		c.Env = append(os.Environ(), child+"=1")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return
	}
	const limit, left = 160, 40
	limitFiles(t, limit)
	c := account.Instant()
	c.Quotas = account.Quotas{Shards: -1, OnDemandStreams: -1, CreatingStreams: -1}
	f, dir := newOnDisk(t, c)
	n := 0
	for ; ; n++ {
		name := fmt.Sprint("s", n)
		_, err := f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: &name})
		if err != nil {
			f.failsAs(err, account.CodeLimitExceeded)
			assert.Regexp(t, `the files that the process may have open \(RLIMIT_NOFILE\)\. Open: 1[12][0-9]\. Limit: 160, of which 40 are kept for connections and reading\.`, err.Error())
			break
		}
	}
	assert.Greater(t, n, 45, "many streams")
	arn := "arn:aws:kinesis:us-east-1:" + id + ":stream/s0"
	_, err := f.CreateQueue(f.ctx, &account.CreateQueueInput{QueueName: ptr("q"),
		StreamConfigurationList: []account.QueueStreamConfiguration{{StreamARN: &arn}}})
	f.failsAs(err, account.CodeLimitExceeded)
	for i := range n {
		f.putNth(fmt.Sprint("s", i), 0)
	}
	var spare []*os.File // connections, say
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			require.ErrorIs(t, err, syscall.EMFILE)
			break
		}
		spare = append(spare, file)
	}
	assert.Greater(t, len(spare), left/2)
	f.putNth("s0", 1) // what is open goes on
	name := "other"
	_, err = f.CreateStream(f.ctx, &account.CreateStreamInput{StreamName: &name})
	f.failsAs(err, account.CodeLimitExceeded)
	for _, file := range spare {
		require.NoError(t, file.Close())
	}
	require.NoError(t, f.Close())

	before := filesUnder(t, dir)
	limitFiles(t, 60)
	c.ID, c.Now = id, f.clock.Now
	_, err = account.Open(dir, c)
	require.Error(t, err)
	assert.Regexp(t, fmt.Sprintf(`^open account in .*: its %d streams and 0 queues take %d open files; the process has [0-9]+ and may have 60 \(RLIMIT_NOFILE\): raise the limit`, n, 2*n+2), err.Error())
	assert.False(t, errors.Is(err, syscall.EMFILE), "it is known before")
	assert.Equal(t, before, filesUnder(t, dir))

	limitFiles(t, limit)
	f = openAt(t, dir, c, f.clock)
	f.readNth("s0", 2, func() {})
	for i := range n - 1 {
		f.readNth(fmt.Sprint("s", i+1), 1, func() {})
	}
}
