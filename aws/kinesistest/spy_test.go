package kinesistest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// A spy is a test that may fail.
type spy struct {
	testing.TB
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	errors   []string
	logs     []string
	cleanups []func()
}

// failing returns what a test that does f reports.
func failing(t *testing.T, f func(t *spy)) *spy {
	s := &spy{TB: t}
	s.ctx, s.cancel = context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			s.cancel()
			for i := range s.cleanups {
				s.cleanups[len(s.cleanups)-1-i]()
			}
		}()
		f(s)
	}()
	<-done
	return s
}

func (s *spy) Context() context.Context { return s.ctx }
func (s *spy) Cleanup(f func())         { s.cleanups = append(s.cleanups, f) }

func (s *spy) Failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.errors) > 0
}

func (s *spy) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors = append(s.errors, fmt.Sprintf(format, args...))
}

type stop struct{}

func (s *spy) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	panic(stop{})
}

func (s *spy) Log(args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs = append(s.logs, fmt.Sprint(args...))
}

func (s *spy) said() string { return strings.Join(s.errors, "\n") }

// cborCall calls an operation in CBOR.
func cborCall(t *testing.T, k *kinesistest.Fake, op string, in map[string]any) (int, map[string]any) {
	t.Helper()
	body, err := cbor.Marshal(in)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://fake", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-amz-cbor-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202."+op)
	res, err := (&http.Client{Transport: k.Transport()}).Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	require.NoError(t, err)
	var out map[string]any
	require.NoError(t, cbor.Unmarshal(body, &out))
	return res.StatusCode, out
}
