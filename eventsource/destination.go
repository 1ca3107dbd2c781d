package eventsource

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// A Destination takes what is given up. When Deliver returns nil, the shard
// goes on behind the records; until then they are delivered again, with
// back-off, and nothing advances. It may be called by several goroutines at a
// time, one a lane.
type Destination interface {
	Deliver(ctx context.Context, f *Failure) error
}

// A DestinationFunc is a function that is a [Destination].
type DestinationFunc func(ctx context.Context, f *Failure) error

// Deliver calls the function.
func (d DestinationFunc) Deliver(ctx context.Context, f *Failure) error { return d(ctx, f) }

// ToFile returns a destination that appends failures to a file, one a line, and
// syncs each. The file is made if there is none.
func ToFile(path string, form Form) Destination { return &file{path: path, form: form} }

type file struct {
	path string
	form Form
	mu   sync.Mutex // one writes at a time
}

func (d *file) Deliver(_ context.Context, f *Failure) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Other processes may append to it as well.
	to, err := os.OpenFile(d.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(appendLine(to, f.Document(d.form)), to.Close())
}

// appendLine appends a line in one write. Of one that it could not write whole
// nothing stays, unless others have written behind it.
func appendLine(to *os.File, text []byte) error {
	end, err := to.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var last [1]byte
	if n, _ := to.ReadAt(last[:], max(0, end-1)); n == 1 && last[0] != '\n' {
		text = append([]byte{'\n'}, text...) // a crash has left half a line
	}
	n, err := to.Write(append(text, '\n'))
	if err == nil {
		err = to.Sync()
	}
	if err == nil {
		return nil
	}
	if now, e := to.Seek(0, io.SeekEnd); e == nil && now == end+int64(n) {
		err = errors.Join(err, to.Truncate(end))
	}
	return err
}

// ToHTTP returns a destination that posts failures, as application/json. An
// answer of 200 to 299 takes one, but not if a redirect, which the client
// follows, has made another request of the POST, without the failure. What has
// no answer after a minute is delivered again. A nil client is
// [http.DefaultClient].
func ToHTTP(url string, client *http.Client, form Form) Destination {
	if client == nil {
		client = http.DefaultClient
	}
	return DestinationFunc(func(ctx context.Context, f *Failure) error {
		ctx, cancel := context.WithTimeout(ctx, deliverWithin)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(f.Document(form)))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 256)) // for the message only
		if response.StatusCode < 200 || response.StatusCode > 299 {
			return fmt.Errorf("%s: %s: %s", url, response.Status, brief(string(text)))
		}
		if r := response.Request; r.Method != http.MethodPost {
			return fmt.Errorf("%s: redirected to %s, by %s and without the failure", url, brief(r.URL.String()), r.Method)
		}
		return nil
	})
}

// deliverWithin is how long one delivery may take: a server that is silent is
// not to hold a lane for as long as its connection lasts.
const deliverWithin = time.Minute

// ToStream returns a destination that puts failures into a stream, with the
// shard's id as their partition key. One that is too large for the stream with
// its payload is put without.
func ToStream(s client.Stream, form Form) Destination {
	return DestinationFunc(func(ctx context.Context, f *Failure) error {
		err := putDocument(ctx, s, f, form)
		if form != QueueForm && errors.Is(err, weir.ErrInvalidArgument) {
			return putDocument(ctx, s, f, QueueForm)
		}
		return err
	})
}

func putDocument(ctx context.Context, s client.Stream, f *Failure, form Form) error {
	results, err := s.PutRecords(ctx, []weir.Entry{{PartitionKey: f.KinesisBatchInfo.ShardID, Data: f.Document(form)}})
	if err != nil {
		return err
	}
	return results[0].Err
}
