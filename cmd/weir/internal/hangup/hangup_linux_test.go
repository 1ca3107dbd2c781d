package hangup_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/hangup"
)

func TestContext_endsWhenNobodyReads(t *testing.T) {
	in, out, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	ctx, stop := hangup.Context(t.Context(), out)
	defer stop()
	_, err = out.WriteString("somebody may read this")
	require.NoError(t, err)
	assert.NoError(t, ctx.Err())
	require.NoError(t, in.Close())
	<-ctx.Done()
	assert.NoError(t, t.Context().Err())
}

func TestContext_ofASocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	require.NoError(t, err)
	defer l.Close()
	near, err := net.Dial("unix", l.Addr().String())
	require.NoError(t, err)
	defer near.Close()
	far, err := l.Accept()
	require.NoError(t, err)
	out, err := near.(*net.UnixConn).File()
	require.NoError(t, err)
	defer out.Close()
	ctx, stop := hangup.Context(t.Context(), out)
	defer stop()
	require.NoError(t, far.Close())
	<-ctx.Done()
}

// What nobody can hang up, or tell of it, ends with what it was made of.
func TestContext_ofWhatHasNoReader(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close()
	in, pipe, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	defer pipe.Close()
	base, cancel := context.WithCancel(t.Context())
	ctx1, stop1 := hangup.Context(base, file)
	ctx2, stop2 := hangup.Context(base, null)
	ctx3, stop3 := hangup.Context(base, new(bytes.Buffer))
	ctx4, stop4 := hangup.Context(base, pipe)
	for _, ctx := range []context.Context{ctx1, ctx2, ctx3, ctx4} {
		assert.NoError(t, ctx.Err())
	}
	cancel()
	for _, ctx := range []context.Context{ctx1, ctx2, ctx3, ctx4} {
		<-ctx.Done()
	}
	for _, stop := range []func(){stop1, stop2, stop3, stop4} {
		stop()
		stop() // nothing more
	}
}
