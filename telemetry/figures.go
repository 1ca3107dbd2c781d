package telemetry

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Figures is a set of sources. Make one with [NewFigures]. All methods may be
// called by any number of goroutines at a time.
type Figures struct {
	mu      sync.Mutex // guards changes
	sources atomic.Pointer[[]Source]
}

// NewFigures returns an empty set.
func NewFigures() *Figures {
	f := new(Figures)
	f.sources.Store(new([]Source))
	return f
}

// ErrSource says that a source is there already, or that it is none.
var ErrSource = errors.New("telemetry source")

// Add adds sources. The error matches [ErrSource] if one is none, is there
// already, or has series that another one has, such as those of the same worker
// of a group, which would fail every scrape; then none is added.
func (f *Figures) Add(sources ...Source) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(*f.sources.Load())
	for _, s := range sources {
		if s.emit == nil {
			return fmt.Errorf("%w: it is none: what it was made of is nil", ErrSource)
		}
		if at(list, s) >= 0 {
			return fmt.Errorf("%w: %v is there already", ErrSource, s)
		}
		if other, both, ok := clash(list, s); ok && both == s.things[0] {
			return fmt.Errorf("%w: %v is there already: %v has its figures", ErrSource, s, other)
		} else if ok {
			return fmt.Errorf("%w: %v has figures of the %v, and so has %v", ErrSource, s, both, other)
		}
		list = append(list, s)
	}
	f.sources.Store(&list)
	return nil
}

// Remove removes sources, which are told by their kind and their name. What is
// not there is nothing to remove.
func (f *Figures) Remove(sources ...Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(*f.sources.Load()), func(s Source) bool { return at(sources, s) >= 0 })
	f.sources.Store(&list)
}

// at returns the place in list of what is the same as s, or -1.
func at(list []Source, s Source) int {
	return slices.IndexFunc(list, func(o Source) bool { return o.emit != nil && s.emit != nil && o.things[0] == s.things[0] })
}

// clash returns the one of list that has figures of the same thing as s.
func clash(list []Source, s Source) (other Source, both thing, ok bool) {
	for _, o := range list {
		for _, t := range s.things {
			if slices.Contains(o.things, t) {
				return o, t, true
			}
		}
	}
	return Source{}, thing{}, false
}

// emit gives out all figures.
func (f *Figures) emit(to emitter) {
	for _, s := range *f.sources.Load() {
		s.emit(to)
	}
}
