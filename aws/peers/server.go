package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A kind is a server that can be started.
type kind struct {
	name string
	// command returns how to start it, listening at a loopback port.
	command func(ctx context.Context, port int) *exec.Cmd
	// line begins the line on standard output that says it is ready; empty if there
	// is none, and readiness is the first connection it takes.
	line string
}

const (
	nameWeir       = "weir"
	nameKinesalite = "kinesalite"
	nameMock       = "kinesis-mock"
	nameNull       = "null server"
)

// kinds returns what can be started here, in the order of the tables. A peer that
// is not installed is not among them.
func kinds(weir, peers string) []kind {
	list := []kind{{nameWeir, func(ctx context.Context, port int) *exec.Cmd {
		return exec.CommandContext(ctx, weir, "serve", "--listen", address(port), "--limits", "none", "--delay", "0s")
	}, "weir: listening on"}}
	loopback, modules := filepath.Join(peers, "loopback.cjs"), filepath.Join(peers, "node_modules")
	if cli := filepath.Join(modules, "kinesalite", "cli.js"); exists(cli) {
		list = append(list, kind{nameKinesalite, func(ctx context.Context, port int) *exec.Cmd {
			return exec.CommandContext(ctx, "node", "--require", loopback, cli, "--port", strconv.Itoa(port),
				"--createStreamMs", "0", "--deleteStreamMs", "0", "--updateStreamMs", "0", "--shardLimit", "10000")
		}, "Listening at"})
	}
	if main := filepath.Join(modules, "kinesis-local", "main.js"); exists(main) {
		list = append(list, kind{nameMock, func(ctx context.Context, port int) *exec.Cmd {
			cmd := exec.CommandContext(ctx, "node", "--require", loopback, main)
			cmd.Dir = filepath.Dir(main) // where it looks for its certificate
			cmd.Env = append(os.Environ(), "KINESIS_MOCK_PLAIN_PORT="+strconv.Itoa(port), "KINESIS_MOCK_TLS_PORT=0",
				"CREATE_STREAM_DURATION=0ms", "DELETE_STREAM_DURATION=0ms", "SHARD_LIMIT=10000", "LOG_LEVEL=ERROR")
			return cmd
		}, ""})
	}
	return append(list, kind{nameNull, func(ctx context.Context, port int) *exec.Cmd {
		self, _ := os.Executable()
		return exec.CommandContext(ctx, self, "-null", address(port))
	}, ""})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort returns a port that nothing listens at.
func freePort() (int, error) {
	l, err := net.Listen("tcp", address(0))
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// A server is a process that takes requests.
type server struct {
	api
	name    string
	cmd     *exec.Cmd
	startup time.Duration // from its start until it was ready
}

// start starts a server and waits until it is ready.
func (k kind) start(ctx context.Context) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	cmd := k.command(ctx, port)
	said := new(strings.Builder) // kinesis-mock says much while it is slow
	cmd.Stderr = said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{api: api{address(port)}, name: k.name, cmd: cmd}
	lines := bufio.NewReader(out)
	if k.line != "" {
		err = waitLine(lines, k.line)
	} else {
		err = waitConnection(s.addr)
	}
	s.startup = time.Since(begin)
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w: %s", k.name, err, said)
	}
	go io.Copy(io.Discard, lines)
	return s, nil
}

func waitLine(r *bufio.Reader, begin string) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil || strings.HasPrefix(line, begin) {
			return err
		}
	}
}

func waitConnection(addr string) error {
	const patience, interval = 20 * time.Second, time.Millisecond
	for start := time.Now(); time.Since(start) < patience; time.Sleep(interval) {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
	}
	return errors.New("takes no connections")
}

func (s *server) stop() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// pause and resume stop a server from running while others are measured.
func (s *server) pause()  { s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) resume() { s.cmd.Process.Signal(syscall.SIGCONT) }

// resident returns the process's resident memory in bytes.
func (s *server) resident() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	number, _, _ := strings.Cut(strings.TrimSpace(after), " kB")
	kib, err := strconv.ParseInt(number, 10, 64)
	return kib << 10, err
}

// processor returns the processor time that the process has used, to a hundredth
// of a second.
func (s *server) processor() time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	_, after, _ := strings.Cut(string(stat), ") ")
	const user, system = 11, 12 // counted from after the name
	fields := strings.Fields(after)
	if len(fields) <= system {
		return 0
	}
	const tick = 10 * time.Millisecond
	u, _ := strconv.Atoi(fields[user])
	v, _ := strconv.Atoi(fields[system])
	return time.Duration(u+v) * tick
}
