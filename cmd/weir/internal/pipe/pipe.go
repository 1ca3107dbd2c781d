package pipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/weirstream/weir/consumer"
)

// A Pipe is a command that runs, reads lines, and acknowledges each record by
// printing a line with its ID. Make one with [Command.Pipe].
type Pipe struct {
	name       string
	deliveries chan delivery // for whoever feeds the command
	full       chan struct{} // closed when the command is to get no more
	fullOnce   sync.Once
	kill       context.CancelFunc
	ended      chan struct{} // closed when the command has ended and what it printed is read
	err        error         // of its end; read it after ended

	mu      sync.Mutex // guards what follows
	last    uint64     // the ID that was given last
	waiting map[uint64]place
	swept   int // how many waited after the last sweep
	// unfit are batches that the command is not given, or only in part. They are
	// dropped when it has ended: until then it may acknowledge others of the shard.
	unfit  []*consumer.Held
	over   bool // it has
	acked  int
	moved  time.Time     // when a record was given or acknowledged last
	wrong  error         // the first line that is no ID
	within time.Duration // how long the command has to end, once it is told to
	killed bool
}

// A delivery is a batch that waits to be written.
type delivery struct {
	ctx   context.Context // of the shard: after its end nobody waits for an acknowledgement
	held  *consumer.Held
	batch consumer.Batch // whose Records and Subs are ours
}

// A place is a record of a batch that was given to the command.
type place struct {
	held  *consumer.Held
	index int
	ctx   context.Context
}

// Pipe starts the command.
func (c Command) Pipe() (*Pipe, error) {
	p := &Pipe{
		name: c.Args[0], deliveries: make(chan delivery), full: make(chan struct{}), ended: make(chan struct{}), waiting: make(map[uint64]place),
	}
	var ctx context.Context
	ctx, p.kill = context.WithCancel(context.Background())
	cmd := c.start(ctx)
	out := &answers{pipe: p}
	cmd.Stdout = out
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	var feeding sync.WaitGroup
	feeding.Go(func() { p.feed(stdin) })
	go func() {
		err := cmd.Wait()
		p.stop()
		feeding.Wait()
		out.Write([]byte("\n")) // the last line may have no end
		p.end(err)
	}()
	return p, nil
}

// Handle is a handler that hands the batch to the command and returns when all
// before it is written: its records are processed as the command says so. It
// never fails; what the command cannot be given comes again, to another one.
func (p *Pipe) Handle(ctx context.Context, b *consumer.Batch) error {
	if len(b.Records) == 0 {
		return nil
	}
	d := delivery{ctx, b.Hold(), *b}
	d.batch.Records, d.batch.Subs = slices.Clone(b.Records), slices.Clone(b.Subs)
	select {
	case <-p.full: // which it must not miss by chance
		p.abandon(d.held)
		return nil
	default:
	}
	select {
	case p.deliveries <- d:
	case <-p.full:
		p.abandon(d.held)
	case <-ctx.Done(): // and nobody waits for what is held
	}
	return nil
}

// feed writes what the command is to be given, until there is no more, or it
// takes no more.
func (p *Pipe) feed(stdin io.WriteCloser) {
	defer stdin.Close()
	defer p.stop()
	for {
		select {
		case d := <-p.deliveries:
			if !p.write(stdin, d) {
				p.abandon(d.held)
				return
			}
		case <-p.full:
			return
		}
	}
}

// write writes the lines of a batch, and reports whether the command may be given
// more. What is written at once is whole lines, so that the command never reads a
// part of one.
func (p *Pipe) write(stdin io.Writer, d delivery) bool {
	var lines lineWriter
	for i := 0; i < len(d.batch.Records); {
		select {
		case <-p.full:
			return false
		case <-d.ctx.Done(): // what is left is another worker's
			return true
		default:
		}
		chunk, n := lines.chunk(&d.batch, i, p.nextID())
		p.expect(d, i, n)
		if _, err := stdin.Write(chunk); err != nil {
			return false
		}
		i += n
	}
	return true
}

// nextID returns the ID of the next line. Only who feeds the command gives IDs.
func (p *Pipe) nextID() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last + 1
}

// expect takes in that n records of a batch, from an index on, are given to the
// command.
func (p *Pipe) expect(d delivery, from, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep()
	p.moved = time.Now()
	for i := range n {
		p.last++
		p.waiting[p.last] = place{d.held, from + i, d.ctx}
	}
}

// sweep forgets records whose shard is another worker's by now, once there may
// be as many of them as of others. The caller holds mu.
func (p *Pipe) sweep() {
	const few = 1000
	if len(p.waiting) >= 2*p.swept+few {
		p.forget()
	}
}

func (p *Pipe) forget() {
	for id, at := range p.waiting {
		if at.ctx.Err() != nil {
			delete(p.waiting, id)
		}
	}
	p.swept = len(p.waiting)
}

// abandon drops a batch that the command is not given as a whole, when it has
// ended.
func (p *Pipe) abandon(held *consumer.Held) {
	p.mu.Lock()
	over := p.over
	if !over {
		p.unfit = append(p.unfit, held)
	}
	p.mu.Unlock()
	if over {
		held.Drop()
	}
}

// acknowledge takes in a line of the command.
func (p *Pipe) acknowledge(line []byte) {
	text := string(bytes.TrimSpace(line))
	if text == "" {
		return
	}
	id, err := strconv.ParseUint(text, 10, 64)
	p.mu.Lock()
	at, known := p.waiting[id]
	delete(p.waiting, id)
	// One that does not wait was acknowledged before, or its shard has gone.
	wrong := err != nil || id == 0 || id > p.last
	switch {
	case wrong && p.wrong == nil:
		p.wrong = fmt.Errorf("%s printed %.100q, which is no id of a record that it was given", p.name, text)
	case known:
		p.acked++
		p.moved = time.Now()
	}
	p.mu.Unlock()
	if known {
		at.held.Ack(at.index)
	}
	if wrong {
		p.stop()
	}
}

// stop lets nothing more be given to the command, behind what it was given.
func (p *Pipe) stop() { p.fullOnce.Do(func() { close(p.full) }) }

var errOutputOpen = errors.New("has ended, but what it has started holds its output open")

// end takes in that the command has ended: what it has not acknowledged it never
// will.
func (p *Pipe) end(err error) {
	p.kill() // frees the context
	if errors.Is(err, exec.ErrWaitDelay) {
		err = errOutputOpen
	}
	p.err = err
	close(p.ended)
	p.mu.Lock()
	p.over = true
	dropped := p.unfit
	for _, at := range p.waiting {
		if n := len(dropped); n == 0 || dropped[n-1] != at.held {
			dropped = append(dropped, at.held)
		}
	}
	p.unfit = nil
	clear(p.waiting)
	p.mu.Unlock()
	for _, held := range dropped {
		held.Drop() // which it may be told more than once
	}
}

// Full is closed when the command is given no more: it has ended, reads no more,
// cannot be understood, or was told to end.
func (p *Pipe) Full() <-chan struct{} { return p.full }

// Close ends the command's input behind what it was given. If the command does
// not end within some time, it is killed. Further calls do nothing.
func (p *Pipe) Close(within time.Duration) {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.within > 0 {
		return
	}
	p.within = within
	timer := time.AfterFunc(within, func() {
		p.mu.Lock()
		p.killed = true
		p.mu.Unlock()
		p.kill()
	})
	go func() {
		<-p.ended
		timer.Stop()
	}()
}

// Wait waits until the command has ended, and returns what was wrong with it: a
// line that is no ID, its exit status, that it had to be killed.
func (p *Pipe) Wait() error {
	<-p.ended
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.wrong != nil:
		return p.wrong
	case p.killed:
		return fmt.Errorf("%s did not end within %v after its input had, and was killed", p.name, p.within)
	case p.err != nil:
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// Counts are of records.
type Counts struct {
	Given   int           // to the command, those that came again included
	Acked   int           // acknowledged by it
	Waiting int           // given and not acknowledged, of shards that are the worker's
	Idle    time.Duration // for how long none was given or acknowledged
}

// Counts returns what has happened so far. It costs as much as records wait.
func (p *Pipe) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget()
	c := Counts{Given: int(p.last), Acked: p.acked, Waiting: len(p.waiting)}
	if !p.moved.IsZero() {
		c.Idle = time.Since(p.moved)
	}
	return c
}

// maxLine bounds a line of the command's output.
const maxLine = 64 << 10

// Answers are what a command prints, for one goroutine.
type answers struct {
	pipe *Pipe
	line []byte // the beginning of one that goes on
	bad  bool   // it is too long, and its end is not there yet
}

// Write takes a piece of the output.
func (a *answers) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		piece, rest, whole := bytes.Cut(b, []byte("\n"))
		if b = rest; !a.bad {
			a.line = append(a.line, piece...)
		}
		if len(a.line) > maxLine || whole {
			a.pipe.acknowledge(a.line)
			a.line = a.line[:0]
			a.bad = !whole
		}
		if whole {
			a.bad = false
		}
	}
	return n, nil
}
