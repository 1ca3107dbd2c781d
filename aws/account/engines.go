package account

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/internal/journal"
)

// engines keep the engine's streams of an account on disk. Each has a number,
// which none had before.
type engines interface {
	create(number uint64, name string, c weir.Config) (*weir.Stream, error)
	open(number uint64, name string, c weir.Config) (*weir.Stream, error)
	remove(number uint64, name string) error
	// sweep removes those whose numbers are not known, and returns the greatest
	// number that there is.
	sweep(known map[uint64]bool) (last uint64, err error)
	// sweepQueues removes the queues of a stream whose ids are not known.
	sweepQueues(number uint64, name string, known map[string]bool)
	// checkFiles refuses so many streams and queues, or one more queue if it is
	// given none, where these take more open files than there may be.
	checkFiles(streams, queues int) error
	// end removes what is left of an account that has nothing.
	end() error
}

// streamsDir is where the directories of streams are, below the account's.
const streamsDir = "streams"

// A streamDirs is the engines below an account's directory.
type streamDirs string

// The number tells apart streams of one name; the name is for people, and ends
// with what every system takes for the end of a file's name.
var streamDir = regexp.MustCompile(`^(\d{16})-.*\.stream$`)

func (d streamDirs) path(number uint64, name string) string {
	return filepath.Join(string(d), streamsDir, fmt.Sprintf("%016d-%s.stream", number, name))
}

func (d streamDirs) create(number uint64, name string, c weir.Config) (*weir.Stream, error) {
	if err := checkFiles(); err != nil {
		return nil, err
	}
	path := d.path(number, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is there already", path)
	}
	s, err := weir.Open(path, c)
	if err != nil {
		_ = removeStream(path) // or it is removed at the next start
	}
	return s, err
}

func (d streamDirs) open(number uint64, name string, c weir.Config) (*weir.Stream, error) {
	path := d.path(number, name)
	if err := checkThere(path); err != nil {
		return nil, err
	}
	return weir.Open(path, c)
}

// checkThere refuses a directory that is to hold a stream or a queue and
// does not, or it would be taken for that of a new one.
func checkThere(path string) error {
	files, err := filepath.Glob(filepath.Join(globEscape(path), "*.journal"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%w: %s is missing or has no journal", weir.ErrDamaged, path)
	}
	return err
}

// globEscape has a path stand for itself in a pattern.
func globEscape(path string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllStringFunc(path, func(s string) string { return "[" + s + "]" })
}

func (d streamDirs) remove(number uint64, name string) error {
	return removeStream(d.path(number, name))
}

// streamFile are the files of a stream's directory, those of a repair too.
var streamFile = regexp.MustCompile(`^(\d{16}\.journal.*|LOCK)$`)

// queuePrefix is what the directories of queues begin with, in that of their
// stream.
const queuePrefix = "queue-"

// removeStream removes the files of a stream and of its queues, and the directory
// if it has no others.
func removeStream(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), queuePrefix) {
			err = errors.Join(err, removeStream(filepath.Join(path, e.Name())))
		}
		if streamFile.MatchString(e.Name()) && e.Type().IsRegular() {
			err = errors.Join(err, os.Remove(filepath.Join(path, e.Name())))
		}
	}
	return errors.Join(err, os.Remove(path))
}

func (d streamDirs) sweep(known map[uint64]bool) (last uint64, err error) {
	entries, err := os.ReadDir(filepath.Join(string(d), streamsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		parts := streamDir.FindStringSubmatch(e.Name())
		if parts == nil || !e.IsDir() {
			continue
		}
		number, _ := strconv.ParseUint(parts[1], 10, 64)
		last = max(last, number)
		if !known[number] {
			_ = removeStream(filepath.Join(string(d), streamsDir, e.Name())) // or another time
		}
	}
	return last, err
}

func (d streamDirs) sweepQueues(number uint64, name string, known map[string]bool) {
	path := d.path(number, name)
	entries, _ := os.ReadDir(path) // or another time
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), queuePrefix); ok && e.IsDir() && !known[id] {
			_ = removeStream(filepath.Join(path, e.Name()))
		}
	}
}

func (streamDirs) checkFiles(streams, queues int) error {
	if streams == 0 && queues == 0 {
		return checkFiles()
	}
	return checkFilesOf(streams, queues)
}

func (d streamDirs) end() error {
	_ = os.Remove(filepath.Join(string(d), streamsDir)) // there is none, or it has somebody's files
	err := removeStream(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// exists reports whether there is a directory.
func exists(dir journal.FS) (bool, error) {
	_, err := dir.List()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
