package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

func ioctl(t *testing.T, f *os.File, request uintptr, at unsafe.Pointer) {
	raw, err := f.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(at))
		assert.Zero(t, errno)
	}))
}

// A consoleTerminal is a terminal with somebody before it.
type consoleTerminal struct {
	t                *testing.T
	keyboard, screen *os.File // what is typed and seen, and the end of the program
	mu               sync.Mutex
	seen             bytes.Buffer
	more             chan struct{} // has a place for that there is more
}

func newConsoleTerminal(t *testing.T) *consoleTerminal {
	outer, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no pseudo-terminals here:", err)
	}
	t.Cleanup(func() { outer.Close() })
	var unlock, number int32
	ioctl(t, outer, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	ioctl(t, outer, syscall.TIOCGPTN, unsafe.Pointer(&number))
	inner, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { inner.Close() })
	c := &consoleTerminal{t: t, keyboard: outer, screen: inner, more: make(chan struct{}, 1)}
	c.resize(100, 30)
	go func() {
		buffer := make([]byte, 1<<16)
		for {
			n, err := outer.Read(buffer)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.seen.Write(buffer[:n])
			c.mu.Unlock()
			select {
			case c.more <- struct{}{}:
			default:
			}
		}
	}()
	return c
}

func (c *consoleTerminal) resize(columns, rows uint16) {
	size := [4]uint16{rows, columns}
	ioctl(c.t, c.keyboard, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// waitFor waits until a text was written since the last one that was waited for,
// and returns all that was written up to it.
func (c *consoleTerminal) waitFor(text string) string {
	for {
		c.mu.Lock()
		all := c.seen.String()
		if before, after, found := strings.Cut(all, text); found {
			c.seen.Reset()
			c.seen.WriteString(after)
			c.mu.Unlock()
			return before + text
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-time.After(30 * time.Second):
			c.t.Fatalf("%q was not written", text)
			return ""
		}
	}
}

func (c *consoleTerminal) settings() (s syscall.Termios) {
	ioctl(c.t, c.screen, syscall.TCGETS, unsafe.Pointer(&s))
	return s
}

// Top on a terminal: it follows its size and its keys, tells of an endpoint that
// goes away, and gives the terminal back as it was, however it ends.
func TestTop_onATerminal(t *testing.T) {
	var gone atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if gone.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, `{"at":"2026-01-02T12:00:00Z","streams":[{"name":"orders","mode":"PROVISIONED","open_shards":1,"shards":[{"id":"shardId-000000000007","load":1,"seconds":[0,1]}]}]}`)
	}))
	defer server.Close()
	for _, end := range []string{"q", "\x03", "SIGTERM"} {
		c := newConsoleTerminal(t)
		before := c.settings()
		ctx, terminate := context.WithCancel(t.Context())
		ended := make(chan int, 1)
		go func() {
			env := func(name string) string { return map[string]string{"NO_COLOR": "1"}[name] }
			ended <- cli.Run(ctx, []string{"top", "--endpoint", server.URL, "--interval", "20ms"}, env, c.screen, c.screen, c.screen)
		}()
		c.waitFor("\x1b[?1049h")
		frame := c.waitFor("\x1b[J")
		assert.Contains(t, frame, "\x1b[H")
		frame = c.waitFor("esc back")
		assert.Contains(t, frame, "orders")
		assert.NotContains(t, frame, "\x1b[3", "no colour")
		c.keyboard.WriteString("s")
		c.waitFor("sort by: records")
		c.keyboard.WriteString("\r")
		c.waitFor("orders PROVISIONED: 1 shards")
		c.resize(40, 12)
		c.keyboard.WriteString("\x1b")
		c.waitFor("…000007")
		gone.Store(true)
		c.waitFor("! the endpoint answers 503")
		c.waitFor("\x1b[J")
		gone.Store(false)
		for strings.Contains(c.waitFor("\x1b[J"), "503") {
		}
		if end == "SIGTERM" {
			terminate()
		} else {
			c.keyboard.WriteString(end)
		}
		c.waitFor("\x1b[?25h\x1b[?1049l")
		assert.Zero(t, <-ended)
		assert.Equal(t, before, c.settings())
		terminate()
	}
}
