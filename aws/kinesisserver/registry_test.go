package kinesisserver_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// in calls an operation in a region.
func (s *server) in(region, op, body string) response {
	r := request(op, jsonType, []byte(body))
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKID/20261101/"+region+"/kinesis/aws4_request, SignedHeaders=host, Signature=0")
	return s.do(r)
}

// Names of regions and accounts are the client's to make up: 64 requests filled
// the registry for good, and everybody else was refused. Those in which there
// is nothing give way, and no others do.
func TestRegistry_madeUpRegionsGiveWay(t *testing.T) {
	s := newServer(t)
	kept, err := s.registry.Account("", "eu-west-1")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, s.in("eu-west-2", "CreateStream", `{"StreamName":"s","ShardCount":1}`).status)
	for i := range 100 {
		require.Equal(t, http.StatusOK, s.in(fmt.Sprint("made-up-", i), "ListStreams", `{}`).status)
		require.LessOrEqual(t, len(s.registry.Accounts()), 8)
	}
	assert.Contains(t, string(s.in("eu-west-2", "ListStreams", `{}`).body), `"s"`)
	again, err := s.registry.Account("", "eu-west-1")
	require.NoError(t, err)
	assert.Same(t, kept, again, "somebody holds it")
	for i := range 6 {
		require.Equal(t, http.StatusOK, s.in(fmt.Sprint("full-", i), "CreateStream", `{"StreamName":"s","ShardCount":1}`).status)
	}
	refused := s.in("one-more", "ListStreams", `{}`)
	code, message := refused.failure(t)
	assert.Equal(t, "LimitExceededException", code)
	assert.Contains(t, message, "serves 8 accounts and regions already")
	require.Equal(t, http.StatusOK, s.in("full-3", "DeleteStream", `{"StreamName":"s"}`).status)
	s.clock.Advance(2 * time.Minute) // its name is remembered for one
	assert.Equal(t, http.StatusOK, s.in("one-more", "ListStreams", `{}`).status)
}

// An account that a request is in does not give way to another's, or what it
// makes would be lost.
func TestRegistry_accountsInUseStay(t *testing.T) {
	s := newServer(t)
	entered, release := s.Hold("CreateStream")
	var creating sync.WaitGroup
	creating.Go(func() {
		assert.Equal(t, http.StatusOK, s.in("eu-west-2", "CreateStream", `{"StreamName":"s","ShardCount":1}`).status)
	})
	<-entered
	for i := range 50 {
		require.Equal(t, http.StatusOK, s.in(fmt.Sprint("made-up-", i), "ListStreams", `{}`).status)
	}
	release()
	creating.Wait()
	assert.Contains(t, string(s.in("eu-west-2", "ListStreams", `{}`).body), `"s"`)
}

// Accounts share the memory of their registry, and those that hold nothing give
// theirs to others.
func TestRegistry_memory(t *testing.T) {
	m := account.NewMemory(64 << 10)
	s := newServer(t, func(c *kinesisserver.Config) {
		c.Accounts = kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Memory: m, MaxAccounts: 1000})
	})
	for i := range 100 {
		require.Equal(t, http.StatusOK, s.in(fmt.Sprint("made-up-", i), "ListStreams", `{}`).status)
	}
	code, _ := s.in("eu-west-1", "CreateStream", `{"StreamName":"s","ShardCount":100}`).failure(t)
	assert.Equal(t, "LimitExceededException", code)
	assert.LessOrEqual(t, m.Held(), m.Most())
}
