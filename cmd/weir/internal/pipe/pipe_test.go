package pipe_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aggregate"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/cmd/weir/internal/line"
	"github.com/weirstream/weir/cmd/weir/internal/pipe"
	"github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/lease"
)

// asCommand makes the test's program a command, whose arguments are steps.
const asCommand = "WEIR_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		in := bufio.NewReaderSize(os.Stdin, 16)
		for _, s := range os.Args[1:] {
			step(in, s)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// step does what a step of a command says: to read lines and acknowledge them,
// up to some number; to wait at a gate of the test; and so on.
func step(in *bufio.Reader, s string) {
	what, arg, _ := strings.Cut(s, "=")
	n, err := strconv.Atoi(arg)
	if err != nil {
		n = -1
	}
	switch what {
	case "ack", "twice", "skip":
		for ; n != 0; n-- {
			id, ok := readLine(in)
			if !ok {
				return
			}
			for range map[string]int{"ack": 1, "twice": 2}[what] {
				fmt.Println(id)
			}
		}
	case "cat":
		io.Copy(os.Stdout, in)
	case "print":
		fmt.Print(arg)
	case "long":
		fmt.Println(strings.Repeat("1", n))
	case "gate":
		conn, err := net.Dial("tcp", arg)
		if err != nil {
			os.Exit(8)
		}
		conn.Read(make([]byte, 1))
	case "child":
		c := exec.Command(os.Args[0], "gate="+arg)
		c.Stdout = os.Stdout
		if c.Start() != nil {
			os.Exit(8)
		}
	case "exit":
		os.Exit(n)
	}
}

// readLine reads a line, which must be whole, and returns its id.
func readLine(in *bufio.Reader) (id uint64, ok bool) {
	text, err := in.ReadBytes('\n')
	if err == io.EOF && len(text) == 0 {
		return 0, false
	}
	var l line.Line
	if err != nil || json.Unmarshal(text, &l) != nil {
		os.Exit(9)
	}
	return l.ID, true
}

// A rig is a stream of one shard, a group's store, and a command to process it.
type rig struct {
	t       *testing.T
	stream  *weir.Stream
	store   lease.Store
	numbers []string // of the records
}

// beCommand makes the processes that the test starts commands. A detector of races
// would let each sleep for a second at its end.
func beCommand(t *testing.T) {
	t.Setenv(asCommand, "1")
	t.Setenv("GORACE", "atexit_sleep_ms=0")
}

func newRig(t *testing.T, records, size int) *rig {
	beCommand(t)
	s, err := weir.NewStream("orders", weir.Config{Limits: weir.Unlimited()})
	require.NoError(t, err)
	r := &rig{t: t, stream: s, store: new(lease.Memory)}
	for range records {
		at, err := s.PutRecord(t.Context(), "key", bytes.Repeat([]byte("x"), size))
		require.NoError(t, err)
		r.numbers = append(r.numbers, at.SequenceNumber.String())
	}
	return r
}

// A run is a command that processes, until it is over.
type run struct {
	*pipe.Pipe
	done chan error // what the group returned
}

// run lets a group process the stream with a command, until it takes no more.
func (r *rig) run(steps ...string) run {
	p, err := pipe.Command{Args: append([]string{os.Args[0]}, steps...), Stderr: os.Stderr}.Pipe()
	require.NoError(r.t, err)
	g, err := consumer.New(consumer.Config{
		Name: "audit", Streams: []client.Stream{client.Embedded(r.stream)}, Store: r.store, Handler: p.Handle,
		CheckpointEvery: time.Millisecond, Patience: time.Hour,
	})
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(r.t.Context())
	one := run{p, make(chan error, 1)}
	go func() { one.done <- g.Run(ctx) }()
	go func() {
		<-p.Full()
		cancel()
	}()
	r.t.Cleanup(func() {
		p.Close(time.Nanosecond)
		p.Wait()
	})
	return one
}

// end waits until the group has ended, and returns what was wrong with the
// command.
func (r run) end(t *testing.T) error {
	t.Helper()
	require.NoError(t, <-r.done)
	return r.Wait()
}

// lease returns the lease of the shard.
func (r *rig) lease() lease.Lease {
	list, err := r.store.List(r.t.Context())
	require.NoError(r.t, err)
	require.Len(r.t, list, 1)
	assert.Empty(r.t, list[0].Owner, "the lease was given back")
	return list[0]
}

// processed returns how many records are before the checkpoint: none if the
// command was over before the group had begun.
func (r *rig) processed() int {
	list, err := r.store.List(r.t.Context())
	require.NoError(r.t, err)
	if len(list) == 0 {
		return 0
	}
	return slices.Index(r.numbers, r.lease().Checkpoint.Sequence) + 1
}

// A gate is where a command waits.
type gate struct{ net.Listener }

func newGate(t *testing.T) gate {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return gate{l}
}

func (g gate) step() string { return "gate=" + g.Addr().String() }

// arrived waits until a command waits there. It goes on when what is returned is
// closed.
func (g gate) arrived(t *testing.T) net.Conn {
	conn, err := g.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A command that is told to end reads whole lines, all that it was given, and
// nothing of it comes again.
func TestPipe_endsBehindAWholeLine(t *testing.T) {
	r, g := newRig(t, 2000, 10_000), newGate(t)
	one := r.run("ack=10", g.step(), "ack")
	at := g.arrived(t)
	one.Close(time.Minute)
	at.Close()
	require.NoError(t, one.end(t))
	c := one.Counts()
	assert.GreaterOrEqual(t, c.Acked, 10)
	assert.Less(t, c.Given, 100, "what a pipe holds")
	assert.Equal(t, pipe.Counts{Given: c.Acked, Acked: c.Acked, Idle: c.Idle}, c)
	assert.Equal(t, c.Acked, r.processed())
}

// watched is a store that tells of the first checkpoint that is a record's.
type watched struct {
	lease.Store
	first chan string
}

func (w watched) Update(ctx context.Context, l lease.Lease) (lease.Lease, error) {
	if l.Checkpoint.Sequence != lease.TrimHorizon {
		select {
		case w.first <- l.Checkpoint.Sequence:
		default:
		}
	}
	return w.Store.Update(ctx, l)
}

// What a slow command has acknowledged is written down before it was given all
// of a batch.
func TestPipe_checkpointMovesWithinABatch(t *testing.T) {
	r, g := newRig(t, 500, 10_000), newGate(t)
	w := watched{r.store, make(chan string, 1)}
	r.store = w
	one := r.run("ack=5", g.step())
	g.arrived(t)
	assert.Contains(t, r.numbers[:5], <-w.first)
	assert.Less(t, one.Counts().Given, 100)
}

// A command that ends leaves the rest to the next one, at once.
func TestPipe_whatIsNotAcknowledgedComesAgain(t *testing.T) {
	r := newRig(t, 20, 10)
	one := r.run("ack=3", "skip=4", "exit=0")
	require.NoError(t, one.end(t))
	assert.Equal(t, 3, r.processed())
	two := r.run("ack=17", "exit=3")
	assert.ErrorContains(t, two.end(t), "exit status 3")
	assert.Equal(t, 20, r.processed())
	assert.Equal(t, 17, two.Counts().Acked)
}

// Each record out of an aggregate is acknowledged by itself.
func TestPipe_aggregates(t *testing.T) {
	r := newRig(t, 0, 0)
	var b aggregate.Builder
	for i := range 5 {
		require.NoError(t, b.Add(weir.Entry{PartitionKey: "key", Data: fmt.Append(nil, "record ", i)}))
	}
	_, err := r.stream.PutRecord(t.Context(), aggregate.OuterKey, b.Append(nil))
	require.NoError(t, err)
	one := r.run("ack=3", "skip=2", "exit=0")
	require.NoError(t, one.end(t))
	assert.Equal(t, uint64(2), r.lease().Checkpoint.Sub)
	two := r.run("ack=2", "exit=0")
	require.NoError(t, two.end(t))
	assert.Equal(t, uint64(4), r.lease().Checkpoint.Sub)
	assert.Equal(t, 2, two.Counts().Given)
}

func TestPipe_whatIsPrinted(t *testing.T) {
	const wrong = "which is no id of a record that it was given"
	for _, tt := range []struct {
		name  string
		steps []string
		want  string
		acked int
	}{
		{"an id twice", []string{"twice=5"}, "", 5},
		{"empty lines, and blanks around an id", []string{"skip=5", "print=\n 1 \r\n\n"}, "", 1},
		{"a last line without an end", []string{"skip=5", "print=1"}, "", 1},
		{"a word", []string{"ack=2", "print=done\n"}, `"done", ` + wrong, 2},
		{"an id that nothing has", []string{"skip=5", "print=6\n"}, `"6", ` + wrong, 0},
		{"zero", []string{"print=0\n"}, `"0", ` + wrong, 0},
		{"an id below zero", []string{"print=-1\n"}, `"-1", ` + wrong, 0},
		{"a long line", []string{"long=200000", "print=2\n"}, wrong, -1},
		{"wrong twice", []string{"print=one\ntwo\n"}, `"one", ` + wrong, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, 5, 10)
			one := r.run(append(tt.steps, "exit=0")...)
			err := one.end(t)
			if tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.want)
				assert.Less(t, len(err.Error()), 1000)
			}
			if tt.acked >= 0 {
				assert.Equal(t, tt.acked, one.Counts().Acked)
				assert.Equal(t, tt.acked, r.processed())
			}
		})
	}
}

// A command that does not end is killed, with what it has started; the group ends
// with it.
func TestPipe_killsWhatDoesNotEnd(t *testing.T) {
	r, g := newRig(t, 500, 10_000), newGate(t)
	one := r.run("child="+g.Addr().String(), "ack=5", g.step())
	first, second := g.arrived(t), g.arrived(t)
	one.Close(time.Millisecond)
	one.Close(time.Hour)
	assert.ErrorContains(t, one.end(t), "did not end within 1ms after its input had, and was killed")
	for _, conn := range []net.Conn{first, second} {
		_, err := conn.Read(make([]byte, 1))
		assert.Error(t, err, "who was at the other end is gone")
	}
	assert.LessOrEqual(t, r.processed(), 5)
}

// What a command has started may hold its output open; that is told.
func TestPipe_outputThatIsHeldOpen(t *testing.T) {
	r, g := newRig(t, 5, 10), newGate(t)
	one := r.run("ack=5", "child="+g.Addr().String(), "exit=0")
	g.arrived(t)
	assert.ErrorContains(t, one.end(t), "has ended, but what it has started holds its output open")
	assert.Equal(t, 5, r.processed())
}

func TestPipe_forgetsRecordsOfShardsThatHaveGone(t *testing.T) {
	assert.Equal(t, 1+10+100, pipe.Sweep(10, 100), "they are few")
	assert.Equal(t, 1+1000, pipe.Sweep(1000, 100_000))
}

func TestCommand_check(t *testing.T) {
	assert.NoError(t, pipe.Command{Args: []string{os.Args[0]}}.Check())
	assert.ErrorContains(t, pipe.Command{Args: []string{"no-such-command"}}.Check(), "not found")
	_, err := pipe.Command{Args: []string{t.TempDir()}}.Pipe()
	assert.Error(t, err, "a directory is none")
}
