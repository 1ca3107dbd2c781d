package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cli"
)

// weir tail -f | head ended with the next record only after head had gone.
func TestTail_endsWhenNobodyReads(t *testing.T) {
	url, s := endpoint(t)
	_, err := s.PutRecord(t.Context(), "k", []byte("one"))
	require.NoError(t, err)
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	go func() {
		ended <- cli.Run(ctx, []string{"tail", "orders", "--endpoint", url, "--follow", "--from", "horizon", "--raw"},
			func(string) string { return "" }, strings.NewReader(""), out, &errs)
	}()
	line, err := bufio.NewReader(in).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "one\n", line)
	require.NoError(t, in.Close())
	assert.Zero(t, <-ended)
	assert.Empty(t, errs.String())
}
