// Package state is the directory of weir serve: which accounts it has, each in a
// directory of its own, and that one process at a time uses it. What is in an
// account's directory is the account's.
package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/weirstream/weir/internal/journal"
)

// A Scope names an account in a region.
type Scope struct{ ID, Region string }

// String returns what the account's directory is called.
func (s Scope) String() string { return s.ID + "-" + s.Region }

// A Dir is a directory that is this process's.
type Dir struct {
	path   string
	unlock func() error
}

const (
	lockName  = "LOCK"
	groupsDir = "groups"
)

var accountDir = regexp.MustCompile(`^(\d{12})-([a-z0-9-]{1,64})$`)

// Open takes a directory, which it makes if there is none. The error says why it
// cannot be used: it is somebody else's, another process has it, or it cannot be
// written. Nothing in it is changed then.
func Open(path string) (*Dir, error) {
	dir := journal.Dir(path)
	names, err := dir.List()
	if errors.Is(err, fs.ErrNotExist) {
		err = dir.Make()
	}
	if err == nil {
		err = check(path, names)
	}
	if err != nil {
		return nil, err
	}
	unlock, err := dir.Lock()
	if errors.Is(err, journal.ErrLocked) {
		return nil, fmt.Errorf("%s: a weir serve or weir console has this state open", path)
	}
	if err != nil {
		return nil, err
	}
	if err := try(path); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return &Dir{path, unlock}, nil
}

// try writes and removes a file, so that what cannot be written is known now, and
// not when the first stream is created.
func try(path string) error {
	f, err := os.CreateTemp(path, lockName+"-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// check refuses a directory that is no state.
func check(path string, names []string) error {
	foreign := ""
	for _, name := range names {
		switch {
		case accountDir.MatchString(name):
			return nil
		case isOld(path, name):
			return fmt.Errorf("%s: holds what an earlier version of weir serve saved: %s says so. This version does not read it, and has changed nothing. "+
				"Name another directory; keep this one for that version, or remove it", path, name)
		case strings.HasSuffix(name, ".journal"):
			return fmt.Errorf("%s: holds one stream or one account of a program, and not the state of weir serve: %s says so. Name another directory", path, name)
		case name == groupsDir && areGroups(filepath.Join(path, name)):
		case !strings.HasPrefix(name, lockName):
			foreign = name
		}
	}
	if foreign != "" {
		return fmt.Errorf("%s: has %s in it, and no account: it is no state of weir serve. Name another directory", path, foreign)
	}
	return nil
}

// areGroups reports whether a directory has nothing but what groups know: they
// stay when there is no account any more.
func areGroups(path string) bool {
	const prefix = "group-" // as package lease calls them
	entries, err := os.ReadDir(path)
	return err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !strings.HasPrefix(e.Name(), prefix) })
}

// What earlier versions saved: a manifest, and a file for each stream that says
// which save wrote it.
var oldStream = regexp.MustCompile(`^\d+-\d+\.stream$`)

const (
	oldManifest = "manifest.json"
	oldBegins   = `{"weir_state":`
)

// isOld reports whether a file is of what earlier versions saved.
func isOld(path, name string) bool {
	if oldStream.MatchString(name) {
		return true
	}
	if name != oldManifest {
		return false
	}
	f, err := os.Open(filepath.Join(path, name))
	if err != nil {
		return false
	}
	defer f.Close() // it is read only
	begins, _ := io.ReadAll(io.LimitReader(f, int64(len(oldBegins))))
	return bytes.Equal(begins, []byte(oldBegins))
}

// Accounts returns the accounts that there are, by id and region.
func (d *Dir) Accounts() (list []Scope, err error) {
	entries, err := os.ReadDir(d.path)
	for _, e := range entries {
		if parts := accountDir.FindStringSubmatch(e.Name()); parts != nil && e.IsDir() {
			list = append(list, Scope{parts[1], parts[2]})
		}
	}
	return list, err
}

// Path returns the directory of an account.
func (d *Dir) Path(s Scope) string { return filepath.Join(d.path, s.String()) }

// Groups returns the directory of what groups know that the server runs.
func (d *Dir) Groups() string { return filepath.Join(d.path, groupsDir) }

// Close lets go of the directory.
func (d *Dir) Close() error { return d.unlock() }

// Inspect returns where the accounts are of a directory that is a state, and keeps
// others from using it until unlock is called. It changes nothing. There is none
// in a directory that is no state.
func Inspect(path string) (accounts []string, unlock func() error, err error) {
	dir := journal.Dir(path)
	names, err := dir.List()
	unlock = func() error { return nil }
	for _, name := range names {
		if accountDir.MatchString(name) {
			accounts = append(accounts, filepath.Join(path, name))
		}
	}
	if err != nil || len(accounts) == 0 || !slices.Contains(names, lockName) {
		return accounts, unlock, err
	}
	locked, err := dir.Lock()
	if errors.Is(err, journal.ErrLocked) {
		err = fmt.Errorf("%s: another process uses this state", path)
	}
	if err == nil {
		unlock = locked
	}
	return accounts, unlock, err
}

// StreamsBelow returns where streams are kept in a directory that is a state, or
// an account of one: a path, or several as a pattern. It is empty for others.
func StreamsBelow(path string) string {
	const streams = "streams" // as package account calls it
	if info, err := os.Stat(filepath.Join(path, streams)); err == nil && info.IsDir() {
		return filepath.Join(path, streams)
	}
	names, _ := journal.Dir(path).List()
	for _, name := range names {
		if accountDir.MatchString(name) {
			return filepath.Join(path, "*", streams)
		}
	}
	return ""
}
