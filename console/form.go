package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/weirstream/weir"
)

// A form is read before a page takes a turn, so that whoever sends one slowly
// holds up nobody who looks, and for so long at most.
const (
	// maxForm is how long a form may be: a record, and as much again because it may
	// be written as base64 or hexadecimal digits.
	maxForm   = 2*weir.MaxRecordBytes + 64<<10
	longestIn = 16 << 20 // bytes that a form may take in memory before it goes on in files
	// smallForm is how long a form may be that is read beside any number of others.
	// Of longer ones, and those that do not say how long they are, a few are read
	// at a time, and others wait.
	smallForm       = 64 << 10
	longFormsAtOnce = 4
	turnWithin      = 10 * time.Second
	formWithin      = 30 * time.Second
)

// A refusal is why a form is not taken, and the status that says so.
type refusal struct {
	status int
	error
}

// takeForm reads the form of a change, and checks that it is one of our own
// pages'. Unless there is an error, done is to be called when the form is not
// needed any more.
func (c *Console) takeForm(w http.ResponseWriter, r *http.Request) (done func(), err error) {
	// Also for what net/http reads of a form that is refused. It is not supported
	// in process, where nobody sends slowly.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(formWithin))
	if err := c.mayChange(r); err != nil {
		return nil, refusal{http.StatusForbidden, err}
	}
	if r.ContentLength > maxForm {
		return nil, refusal{http.StatusRequestEntityTooLarge, fmt.Errorf("the form has %d bytes; it may have %d", r.ContentLength, int64(maxForm))}
	}
	done = func() {}
	if r.ContentLength < 0 || r.ContentLength > smallForm {
		if done, err = c.enterLongForm(r.Context()); err != nil {
			return nil, err
		}
	}
	_ = control.SetReadDeadline(time.Now().Add(formWithin)) // it may have waited
	if err := c.readForm(w, r); err != nil {
		done()
		return nil, err
	}
	_ = control.SetReadDeadline(time.Time{}) // the connection may have further requests
	return done, nil
}

// readForm reads a form, for so long as it may take.
func (c *Console) readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm() // of whose error ParseMultipartForm says nothing
	if err == nil {
		err = r.ParseMultipartForm(longestIn)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusal{http.StatusRequestTimeout, fmt.Errorf("the form did not arrive within %v", formWithin)}
	case errors.As(err, new(*http.MaxBytesError)):
		return refusal{http.StatusRequestEntityTooLarge, fmt.Errorf("the form is too long; it may have %d bytes", int64(maxForm))}
	case err != nil && !errors.Is(err, http.ErrNotMultipart):
		return refusal{http.StatusBadRequest, fmt.Errorf("the form: %w", err)}
	}
	if err := c.checkToken(r); err != nil {
		return refusal{http.StatusForbidden, err}
	}
	return nil
}

// enterLongForm waits until a long form may be read.
func (c *Console) enterLongForm(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, turnWithin)
	defer cancel()
	select {
	case c.longForms <- struct{}{}:
		return func() { <-c.longForms }, nil
	case <-ctx.Done():
		return nil, refusal{http.StatusServiceUnavailable, fmt.Errorf("%d long forms are being read already, and none was done within %v", longFormsAtOnce, turnWithin)}
	}
}
