package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/weirstream/weir"
)

// A service is a stream and what is kept beside it, in two files of one directory.
type service struct {
	dir    string
	out    io.Writer
	stream *weir.Stream
	stop   func() // ends the producers, and so the run

	mu       sync.Mutex // guards what follows
	state    state
	failures []error
}

// A state is how far those have come who write and read the stream.
type state struct {
	Put  [producers]int            // orders that are stored
	Read map[string]weir.Positions // of each reader, records that are handled
}

// open loads the stream and the state that the last run saved, or begins.
func open(w io.Writer, dir string) (*service, error) {
	s := &service{dir: dir, out: w, state: state{Read: make(map[string]weir.Positions)}}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	config := weir.Config{Shards: 2, MaxBytes: 4 << 20, WhenFull: weir.Wait}
	f, err := os.Open(s.path("stream"))
	if errors.Is(err, fs.ErrNotExist) {
		s.stream, err = weir.NewStream("orders", config)
		fmt.Fprintln(w, "a new stream")
		return s, err
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	if s.stream, err = weir.LoadStream(f, config); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.path("state"))
	if err == nil {
		err = json.Unmarshal(text, &s.state)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the first run was killed between the two
		return nil, err
	}
	fmt.Fprintf(w, "a stream with %d records; orders put: %v\n", s.stream.Snapshot().RecordsHeld, s.state.Put)
	return s, nil
}

// save saves the stream and the state, in this order, and gives back the memory of
// what all have read.
//
// The state is taken first and written last. So whenever the program is killed, the
// stream that is found is no older than the state that is found: all that the state
// says was put is there, and the positions are of this stream. After a kill between
// the two files the state is the one of the save before, and some records are put,
// and some read, again. Written the other way round, a state could be found whose
// stream is lost: its records would never be put again, and its positions refused.
func (s *service) save() error {
	taken := s.taken()
	if err := replace(s.path("stream"), s.stream.Save); err != nil {
		return err
	}
	err := replace(s.path("state"), func(w io.Writer) error { return json.NewEncoder(w).Encode(taken) })
	if err != nil {
		return err
	}
	// By the positions that are in the file: a run that begins with them misses
	// nothing.
	return s.stream.TrimToPositions(slices.Collect(maps.Values(taken.Read))...)
}

// replace writes a file so that there is the old one or the new one at any time,
// whole.
func replace(path string, write func(io.Writer) error) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (s *service) path(name string) string { return filepath.Join(s.dir, name) }

// fail ends the run if there is an error.
func (s *service) fail(where string, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Errorf("%s: %w", where, err))
	s.stop()
}

// failed returns what went wrong.
func (s *service) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.failures...)
}

// taken returns the state as it is now.
func (s *service) taken() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return state{Put: s.state.Put, Read: maps.Clone(s.state.Read)}
}

// orders returns how many orders of a producer are stored.
func (s *service) orders(p int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Put[p]
}

// count notes that orders of a producer are stored.
func (s *service) count(p, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Put[p] += n
}

// note notes how far a reader has come.
func (s *service) note(name string, p weir.Positions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Read[name] = p
}
