package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/console"
	"github.com/weirstream/weir/lease"
)

// groups are the consumer groups that a console shows: those of triggers, those in
// the directory of the state, if there is one, and those in directories and tables
// that it is told of: a group that reads by the API leaves nothing behind at the
// endpoint by which it could be known.
type groups struct {
	dirs   []string
	tables []console.Group // one in each
	mu     sync.Mutex
	held   map[string]lease.Store // of triggers without a directory
}

// groupsIn returns those of a state's directory, "" if there is none, and of
// other places, which CheckGroupLeases has seen.
func groupsIn(state string, others []string) *groups {
	g := new(groups)
	dirs := []string{state}
	for _, place := range others {
		table, is, err := attach.TableAt(place)
		switch {
		case !is:
			dirs = append(dirs, place)
		case err == nil && !slices.ContainsFunc(g.tables, func(have console.Group) bool { return have.Kept == place }):
			g.tables = append(g.tables, console.Group{Name: table.Name(), Store: table, Kept: place, ReadOnly: true})
		}
	}
	for _, dir := range dirs {
		if dir != "" && !slices.ContainsFunc(g.dirs, func(have string) bool { return sameDir(have, dir) }) {
			g.dirs = append(g.dirs, dir)
		}
	}
	return g
}

func sameDir(a, b string) bool {
	x, errX := filepath.Abs(a)
	y, errY := filepath.Abs(b)
	return errX == nil && errY == nil && x == y
}

// CheckGroupLeases says which of some places, directories or tables, cannot be one
// with leases. One that is not there yet can: its first group makes it.
func CheckGroupLeases(ctx context.Context, places []string) error {
	for _, dir := range places {
		if table, is, err := attach.TableAt(dir); is {
			if err == nil {
				err = table.Check(ctx)
			}
			if err != nil {
				return fmt.Errorf("--group-leases %s: %w", dir, err)
			}
			continue
		}
		info, err := os.Stat(dir)
		switch {
		case dir == "":
			return errors.New("--group-leases: is empty")
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("--group-leases: %w", err)
		case !info.IsDir():
			return fmt.Errorf("--group-leases %s: it is no directory", dir)
		}
	}
	return nil
}

func (g *groups) add(name string, s lease.Store) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil {
		g.held = make(map[string]lease.Store)
	}
	g.held[name] = s
}

func (g *groups) list(context.Context) (list []console.Group, err error) {
	g.mu.Lock()
	for name, s := range g.held {
		list = append(list, console.Group{Name: name, Store: s})
	}
	g.mu.Unlock()
	var kept []console.Group
	for _, dir := range g.dirs {
		more, bad := groupsOf(dir)
		err = errors.Join(err, bad)
		kept = append(kept, more...)
	}
	for _, group := range append(kept, g.tables...) {
		if slices.ContainsFunc(list, func(have console.Group) bool { return have.Name == group.Name }) {
			group.Name += " in " + group.Kept
		}
		list = append(list, group)
	}
	slices.SortFunc(list, func(a, b console.Group) int { return cmp.Compare(a.Name, b.Name) })
	return list, err
}

// groupsOf returns the groups that are kept in a directory.
func groupsOf(dir string) (list []console.Group, err error) {
	names, err := lease.Groups(dir)
	if err != nil {
		return nil, fmt.Errorf("groups: %w", err)
	}
	for _, name := range names {
		s, bad := lease.OpenDir(dir, name)
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("group %s: %w", name, bad))
			continue
		}
		list = append(list, console.Group{Name: name, Store: s, Kept: dir})
	}
	return list, err
}
