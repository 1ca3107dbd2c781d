package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

func TestAttacks_haveNamesOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, a := range attacks {
		assert.False(t, seen[a.name], a.name)
		assert.NotNil(t, a.run, a.name)
		assert.Equal(t, a.what, attackNamed(a.name).what)
		seen[a.name] = true
	}
	assert.Nil(t, attackNamed("kindness"))
}

func TestMalformed_followsFromTheSeed(t *testing.T) {
	t.Parallel()
	for _, make := range []func(*rand.Rand) []byte{malformedJSON, malformedCBOR} {
		one, same, other := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(2, 2))
		differ := false
		for range 200 {
			b := make(one)
			require.Equal(t, b, make(same))
			differ = differ || string(b) != string(make(other))
		}
		assert.True(t, differ)
	}
}

func TestStatusOf_readsHowServersWriteIt(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fields []byte
		want   int
	}{
		"of the table":            {[]byte{0x88}, 200},
		"after a change of size":  {[]byte{0x20, 0x8c}, 400},
		"a literal":               {[]byte{0x48, 3, '4', '0', '8'}, 408},
		"as net/http names it":    {[]byte{0x20, 0x0e, 3, '5', '0', '3'}, 503},
		"compressed, 503":         {[]byte{0x48, 0x83, 0b01101100, 0b00001100, 0xff}, 503},
		"compressed, 403":         {[]byte{0x08, 0x83, 0b01101000, 0b00001100, 0xff}, 403},
		"another field":           {[]byte{0x44, 1, 'a'}, 0},
		"nothing":                 {nil, 0},
		"shorter than it says is": {[]byte{0x48, 9, '4'}, 0},
	} {
		assert.Equal(t, row.want, statusOf(row.fields), name)
	}
}

func TestRefusedValues_ofAMessage(t *testing.T) {
	t.Parallel()
	assert.Equal(t, 1, refusedValues([]byte(`{"__type":"SerializationException"}`)))
	assert.Equal(t, 1, refusedValues([]byte(`{"message":"1 validation error detected: Value"}`)))
	assert.Equal(t, 10, refusedValues([]byte(`{"message":"10 validation errors detected: Value"}`)))
}

func TestPolitePuts_quantile(t *testing.T) {
	t.Parallel()
	var p politePuts
	assert.Zero(t, p.quantile(0.99))
	for i := range 200 {
		p.took = append(p.took, time.Duration(200-i)*time.Millisecond)
	}
	assert.Equal(t, 101*time.Millisecond, p.quantile(0.5))
	assert.Equal(t, 199*time.Millisecond, p.quantile(0.99))
}

func TestPolitePuts_judge(t *testing.T) {
	t.Parallel()
	took := []time.Duration{1}
	assert.NoError(t, politePuts{took: took, stored: 1}.judge(false))
	assert.Error(t, politePuts{}.judge(true), "nothing answered")
	assert.Error(t, politePuts{took: took, full: 1}.judge(false), "throttled by others")
	assert.NoError(t, politePuts{took: took, full: 1}.judge(true))
	assert.Error(t, politePuts{took: took, refused: map[string]int{"no answer": 1}}.judge(true))
}

func TestLeft_saysWhatIsLeft(t *testing.T) {
	t.Parallel()
	clean := map[string]float64{"weir_requests_in_flight": 1, "weir_subscriptions": 0, "weir_panics_total": 0}
	assert.NoError(t, left(clean, 0))
	assert.EqualError(t, left(clean, 7), "7 connections are still open")
	assert.Error(t, left(map[string]float64{"weir_subscriptions": 3, "weir_panics_total": 0}, 0))
	assert.Error(t, left(map[string]float64{"weir_subscriptions": 0}, 0), "a metric has gone")
}

func TestResult_tooSlow(t *testing.T) {
	t.Parallel()
	r := result{puts: politePuts{took: []time.Duration{p99Bound}}}
	assert.NoError(t, r.inTime())
	r.puts.took[0] += time.Millisecond
	assert.ErrorContains(t, r.inTime(), "51ms at p99")
}

// The attacks that need no bound on memory are made for a moment on a server in
// this process, whose answers they judge.
func TestAttacks_onAServer(t *testing.T) {
	t.Parallel()
	instant := func(id, region string) (*account.Account, error) {
		c := account.Instant()
		c.ID, c.Region = id, region
		return account.New(c)
	}
	s, err := kinesisserver.New(kinesisserver.Config{TLS: true, MaxConnections: connectionBound,
		Accounts: kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Open: instant})})
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel() // attackers leave requests behind
		if err := s.Shutdown(ended); !errors.Is(err, context.Canceled) {
			assert.NoError(t, err)
		}
		assert.ErrorIs(t, <-served, http.ErrServerClosed)
	})

	const moment = 50 * time.Millisecond
	for _, name := range []string{"json-http1", "json-h2c", "json-h2", "cbor-http1", "cbor-h2c", "cbor-h2", "requests", "raw",
		"pages", "echo", "tokens", "resets", "header-lists", "frames"} {
		a := newAttacker(t.Context(), target{l.Addr().String()}, 1, name)
		attackNamed(name).run(a, moment)
		a.close()
		assert.Positive(t, a.tally.Sent, name)
		assert.Zero(t, a.tally.Wrong, "%s: %q", name, a.tally.Examples)
	}
}
