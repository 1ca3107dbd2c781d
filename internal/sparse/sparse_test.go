package sparse_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/internal/sparse"
)

// written returns a logger of text without times, and what it has written.
func written() (*slog.Logger, func() []string) {
	var b bytes.Buffer
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	l := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: noTime}))
	return l, func() []string {
		defer b.Reset()
		return strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	}
}

func TestLogger_writesAMessageOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, lines := written()
		l := sparse.Logger(to, "shard", 7)
		for i := range 5 {
			l.Warn("it failed", "n", i)
		}
		assert.Equal(t, []string{`level=WARN msg="it failed" shard=7 n=0`}, lines())

		time.Sleep(sparse.Every - 1)
		l.Warn("it failed", "n", 5)
		assert.Equal(t, []string{""}, lines(), "a nanosecond too early")
		time.Sleep(time.Nanosecond)
		l.Warn("it failed", "n", 6)
		l.Warn("it failed", "n", 7)
		assert.Equal(t, []string{`level=WARN msg="it failed" shard=7 n=6 "left out"=5`}, lines())

		time.Sleep(sparse.Every)
		l.Warn("it failed", "n", 8)
		assert.Equal(t, []string{`level=WARN msg="it failed" shard=7 n=8 "left out"=1`}, lines())
		time.Sleep(sparse.Every)
		l.Warn("it failed", "n", 9)
		assert.Equal(t, []string{`level=WARN msg="it failed" shard=7 n=9`}, lines(), "none was left out")
	})
}

func TestLogger_messagesDoNotKeepOthersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, lines := written()
		l := sparse.Logger(to)
		l.Warn("one")
		l.Error("other")
		l.With("of", "it").Warn("one")
		sparse.Logger(to).Warn("one")
		assert.Equal(t, []string{`level=WARN msg=one`, `level=ERROR msg=other`, `level=WARN msg=one`}, lines(),
			"what With makes counts together, another logger does not")
	})
}

func TestFlush_writesWhatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, lines := written()
		l := sparse.Logger(to, "shard", 7)
		l.Info("quiet")
		for range 3 {
			l.Error("loud", "n", 1)
		}
		lines()
		sparse.Flush(l)
		assert.Equal(t, []string{`level=ERROR msg=loud shard=7 "left out"=2`}, lines())
		sparse.Flush(l)
		assert.Equal(t, []string{""}, lines(), "it was told")
		sparse.Flush(to)
		sparse.Flush(sparse.Logger(nil))
	})
}

// What does not reach the log for its level is not counted.
func TestLogger_countsWhatWouldHaveBeenWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, lines := written()
		l := sparse.Logger(to)
		for range 3 {
			l.Debug("detail")
		}
		sparse.Flush(l)
		assert.Equal(t, []string{""}, lines())
	})
}

func TestLogger_losesNoneOfMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to, lines := written()
		l := sparse.Logger(to)
		var many sync.WaitGroup
		for range 8 {
			many.Go(func() {
				for range 100 {
					l.Warn("it failed")
				}
			})
		}
		many.Wait()
		time.Sleep(sparse.Every)
		l.Warn("it failed")
		assert.Equal(t, []string{`level=WARN msg="it failed"`, `level=WARN msg="it failed" "left out"=799`}, lines())
	})
}
