// Command service is a program with a stream inside, as docs/embedding.md describes
// one: producers that wait for quota, two readers that go on where they stood when
// the program was started again, a split while it runs, a bound on memory, and an
// orderly end. Stop it with Ctrl-C, or kill it, and start it again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/weirstream/weir"
)

const (
	producers  = 3
	ordersEach = 1500
	customers  = 7 // of each producer
	batch      = 25

	putWithin = 10 * time.Second // what a put may take with its waiting
	saveEvery = 200 * time.Millisecond
)

// names of the readers.
var names = [...]string{"billing", "search"}

func main() {
	dir := flag.String("state", "service-state", "directory in which the stream and what was read of it are kept")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *dir); err != nil {
		log.Fatal(err)
	}
}

// run works until all orders have been put and read, or ctx ends: what is left then
// is for the next run.
func run(ctx context.Context, w io.Writer, dir string) error {
	s, err := open(w, dir)
	if err != nil {
		return err
	}
	var readers [len(names)]*weir.Reader
	for i := range names {
		if readers[i], err = s.reader(names[i]); err != nil {
			return err
		}
		defer readers[i].Close()
	}
	producing, stop := context.WithCancel(ctx)
	defer stop()
	s.stop = stop
	// Readers end later than producers, who may wait for memory that readers free.
	reading, stopReading := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReading()

	var read, put sync.WaitGroup
	for i, r := range readers {
		read.Go(func() { s.fail("reader "+names[i], s.read(reading, r, names[i])) })
	}
	for p := range producers {
		put.Go(func() { s.fail(fmt.Sprint("producer ", p), s.produce(producing, p)) })
	}
	s.saveUntil(&put)
	if producing.Err() == nil {
		// All is put, and nobody will ever put more, so readers come to an end. A
		// stream that is to be used again must not be ended: what is unread is saved.
		s.fail("end", s.stream.EndWrites(context.WithoutCancel(ctx)))
	} else {
		stopReading()
	}
	read.Wait()
	s.fail("save", s.save())
	s.report()
	return s.failed()
}

// saveUntil saves, reshards and reports now and then until all producers are done.
func (s *service) saveUntil(put *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		put.Wait()
		close(done)
	}()
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			s.fail("save", s.save())
			s.fail("grow", s.grow())
			s.report()
		}
	}
}

// produce puts the orders of one producer that have not been put.
func (s *service) produce(ctx context.Context, p int) error {
	for {
		from := s.orders(p)
		if from >= ordersEach || ctx.Err() != nil {
			return nil
		}
		entries := make([]weir.Entry, min(batch, ordersEach-from))
		for i := range entries {
			n := from + i
			entries[i] = weir.Entry{PartitionKey: fmt.Sprintf("customer-%d-%d", p, n%customers), Data: fmt.Append(nil, n)}
		}
		// A put has a time limit of its own: cut off by ctx it might have stored
		// some of the records, and the next run would put them again.
		putting, cancel := context.WithTimeout(context.WithoutCancel(ctx), putWithin)
		_, err := s.stream.PutRecordsWait(putting, entries)
		cancel()
		switch {
		case errors.Is(err, weir.ErrClosed):
			return nil // a run that put all was killed before it noted that
		case err != nil:
			return err // it says what was waited for: a limit of a shard, or memory
		}
		s.count(p, len(entries))
	}
}

// reader returns a reader that goes on where the one of that name stood.
func (s *service) reader(name string) (*weir.Reader, error) {
	from := weir.Resume(s.state.Read[name], weir.TrimHorizon())
	r, err := s.stream.NewReader(name, from)
	if errors.Is(err, weir.ErrInvalidSequenceNumber) || errors.Is(err, weir.ErrShardNotFound) {
		// The positions are of a later state of the stream than was loaded: its file
		// was put back from a copy, say. Some records have gone with that state.
		// Of those there are nobody knows any more which were read, and to read
		// some twice is better than to leave some out.
		fmt.Fprintf(s.out, "%s begins again: %v\n", name, err)
		r, err = s.stream.NewReader(name, weir.TrimHorizon())
	}
	if err == nil {
		s.note(name, r.Positions())
	}
	return r, err
}

// read writes what there is to read to a file, which stands for what a service does
// with records: it must bear to see a record again after a crash.
func (s *service) read(ctx context.Context, r *weir.Reader, name string) error {
	out, err := os.OpenFile(s.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	for err == nil {
		var b weir.Batch
		b, err = r.NextBatch(ctx, 100, 10*time.Millisecond)
		if err == nil {
			err = handle(out, b)
		}
		if err == nil || err == io.EOF {
			// Here, and not where it is saved: positions cover the batch in hand.
			s.note(name, r.Positions())
		}
	}
	if err == io.EOF || errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, out.Close())
}

// handle writes the records of a batch, in one go.
func handle(w io.Writer, b weir.Batch) error {
	var lines []byte
	for _, r := range b.Records {
		lines = fmt.Appendf(lines, "%s %s\n", r.PartitionKey, r.Data)
	}
	_, err := w.Write(lines)
	return err
}

// grow splits the first shard of a stream that has two.
func (s *service) grow() error {
	open := slices.DeleteFunc(s.stream.Shards(), func(sh weir.Shard) bool { return !sh.IsOpen() })
	if len(open) != 2 {
		return nil
	}
	children, err := s.stream.SplitShard(context.Background(), open[0].ID, open[0].HashKeyRange.Middle())
	if err == nil {
		fmt.Fprintf(s.out, "%v is split into %v and %v\n", open[0].ID, children[0], children[1])
	}
	return err
}

// report says how far the readers are.
func (s *service) report() {
	snap := s.stream.Snapshot()
	for _, r := range snap.Readers {
		fmt.Fprintf(s.out, "%-7s  %4d read, %3d behind by %v, %d lost\n", r.Name, r.Records, r.RecordsBehind, r.Age, r.Lost)
	}
}
