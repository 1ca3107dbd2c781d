package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The keys of the server that wants its requests signed.
const (
	accessKey = "AKIDPOLITE0000000001"
	secretKey = "only-for-this-siege"
)

// A server is a started weir serve.
type server struct {
	addr string
	keys bool
	cmd  *exec.Cmd
	died chan struct{} // closed when the process ends

	high atomic.Int64 // bytes that were resident, the most that was seen
	most int64        // bytes at which the process is ended, for the machine's sake
}

// startServer starts weir serve without limits and delays, which leaves an
// attacker most.
func startServer(ctx context.Context, o options, keys bool) (*server, error) {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--tls", "--limits", "none", "--delay", "0s",
		"--max-connections", strconv.Itoa(connectionBound), "--stream", politeStream + ":2"}
	if !o.unbounded {
		args = append(args, "--max-memory", strconv.Itoa(o.memoryMiB)+"MiB")
	}
	const tooMuch = 5 // times what it may have
	s := &server{keys: keys, most: tooMuch * int64(o.memoryMiB) << 20, cmd: exec.CommandContext(ctx, o.weir, args...), died: make(chan struct{})}
	if keys {
		s.cmd.Env = append(os.Environ(), "WEIR_ACCESS_KEY="+accessKey, "WEIR_SECRET_KEY="+secretKey)
	}
	said := new(bytes.Buffer)
	s.cmd.Stderr = said
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	go func() {
		io.Copy(io.Discard, lines)
		s.cmd.Wait()
		close(s.died)
	}()
	_, s.addr, _ = strings.Cut(strings.TrimSpace(line), "://")
	if err != nil || s.addr == "" {
		s.stop()
		return nil, fmt.Errorf("%s did not start: %s", o.weir, bytes.TrimSpace(said.Bytes()))
	}
	go s.watch()
	return s, nil
}

func (s *server) stop() {
	s.cmd.Process.Kill()
	<-s.died
}

// alive reports whether the process has not ended.
func (s *server) alive() bool {
	select {
	case <-s.died:
		return false
	default:
		return true
	}
}

// watch looks at the resident memory now and then, for where the system's own
// mark cannot be taken back.
func (s *server) watch() {
	const every = 20 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.died:
			return
		case <-tick.C:
			now := s.memory("VmRSS:")
			if now > s.high.Load() {
				s.high.Store(now)
			}
			if now > s.most {
				s.cmd.Process.Kill()
			}
		}
	}
}

// mark begins to look for the most memory anew, and returns what says how much
// that was.
func (s *server) mark() func() int64 {
	const resetPeak = "5" // see proc(5)
	reset := os.WriteFile(s.proc("clear_refs"), []byte(resetPeak), 0)
	s.high.Store(s.memory("VmRSS:"))
	return func() int64 {
		if reset == nil {
			return max(s.high.Load(), s.memory("VmHWM:"))
		}
		return s.high.Load()
	}
}

func (s *server) proc(name string) string {
	return filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), name)
}

// memory returns bytes of a line of the process's status, or 0 if it has none.
func (s *server) memory(line string) int64 {
	status, _ := os.ReadFile(s.proc("status"))
	_, after, _ := strings.Cut(string(status), line)
	number, _, _ := strings.Cut(strings.TrimSpace(after), " kB")
	kib, _ := strconv.ParseInt(number, 10, 64)
	return kib << 10
}

// processor returns the processor time that the process has used, to a hundredth
// of a second.
func (s *server) processor() time.Duration {
	stat, _ := os.ReadFile(s.proc("stat"))
	_, after, _ := strings.Cut(string(stat), ") ")
	const user, system, tick = 11, 12, 10 * time.Millisecond // counted from after the name
	fields := strings.Fields(after)
	if len(fields) <= system {
		return 0
	}
	u, _ := strconv.Atoi(fields[user])
	v, _ := strconv.Atoi(fields[system])
	return time.Duration(u+v) * tick
}

// sockets returns how many sockets the process has open.
func (s *server) sockets() int {
	entries, _ := os.ReadDir(s.proc("fd"))
	n := 0
	for _, e := range entries {
		if name, err := os.Readlink(filepath.Join(s.proc("fd"), e.Name())); err == nil && strings.HasPrefix(name, "socket:") {
			n++
		}
	}
	return n
}

// metrics returns what the server tells of itself, those without labels.
func (s *server) metrics(ctx context.Context) (map[string]float64, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/_weir/metrics", nil)
	if err != nil {
		return nil, err
	}
	if s.keys {
		q.SetBasicAuth(accessKey, secretKey)
	}
	resp, err := fresh.Do(q)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("metrics: status %d, %w", resp.StatusCode, err)
	}
	values := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			values[name] = v
		}
	}
	return values, nil
}
