package attach_test

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/attach"
	"github.com/weirstream/weir/lease"
)

// store returns the store of a place.
func store(t *testing.T, place string) *attach.Store {
	s := new(attach.Store)
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.Add(set)
	require.NoError(t, set.Parse([]string{"--store", place}))
	return s
}

// newLease is one that can be in any store.
var newLease = lease.Lease{Key: "shardId-000000000000", Checkpoint: lease.Checkpoint{Sequence: lease.TrimHorizon}}

func TestStore_inADirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "groups")
	s := store(t, dir)
	names, err := s.Groups()
	require.NoError(t, err)
	assert.Empty(t, names)
	_, err = s.OpenExisting(t.Context(), "audit")
	assert.EqualError(t, err, `there is no group "audit" in `+dir+`; there are: none`)
	_, err = os.Stat(dir)
	assert.ErrorIs(t, err, os.ErrNotExist, "nothing was made")

	made, err := s.Open(t.Context(), "audit")
	require.NoError(t, err)
	require.NoError(t, made.Create(t.Context(), newLease))
	there, err := s.OpenExisting(t.Context(), "audit")
	require.NoError(t, err)
	list, err := there.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 1)
	_, err = s.OpenExisting(t.Context(), "billing")
	assert.EqualError(t, err, `there is no group "billing" in `+dir+`; there are: audit`)
}

func TestStore_refuses(t *testing.T) {
	withoutAWS(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for place, want := range map[string]string{
		"": "--store is empty", file: "--store: ", "dynamodb": "--store dynamodb: no region is configured; AWS_REGION names one",
		"dynamodb:leases": "--store dynamodb:leases: no region is configured",
	} {
		_, err := store(t, place).Open(t.Context(), "audit")
		assert.ErrorContains(t, err, want)
		_, err = store(t, place).OpenExisting(t.Context(), "audit")
		assert.Error(t, err, place)
		_, err = store(t, place).Groups()
		assert.Error(t, err, place)
	}
}

// dynamo lets the environment name an endpoint.
func dynamo(t *testing.T, endpoint string) {
	withoutAWS(t)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
}

// A table that is not there is not made by who only wants to look.
func TestStore_noSuchTable(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("X-Amz-Target")+" "+string(b))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}`)
	}))
	defer server.Close()
	dynamo(t, server.URL)
	for place, table := range map[string]string{"dynamodb": "audit", "dynamodb:leases": "leases"} {
		asked = nil
		_, err := store(t, place).OpenExisting(t.Context(), "audit")
		assert.EqualError(t, err, `there is no table "`+table+`" for group audit`)
		assert.Equal(t, []string{`DynamoDB_20120810.DescribeTable {"TableName":"` + table + `"}`}, asked)
	}
}

// It is run by aws/clients/run leases, which starts a DynamoDB.
func TestStore_inDynamoDB(t *testing.T) {
	endpoint := os.Getenv("WEIR_DYNAMODB")
	if endpoint == "" {
		t.Skip("needs a DynamoDB: aws/clients/run leases starts one")
	}
	dynamo(t, endpoint)
	group := "audit-" + rand.Text()
	made, err := store(t, "dynamodb").Open(context.Background(), group)
	require.NoError(t, err)
	require.NoError(t, made.Create(t.Context(), newLease))
	there, err := store(t, "dynamodb:"+group).OpenExisting(t.Context(), "whatever")
	require.NoError(t, err)
	list, err := there.List(t.Context())
	require.NoError(t, err)
	assert.Len(t, list, 1)
}
