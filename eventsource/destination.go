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
	line := append(f.Document(d.form), '\n')
	d.mu.Lock()
	defer d.mu.Unlock()
	to, err := os.OpenFile(d.path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	end, err := to.Seek(0, io.SeekEnd)
	if err == nil {
		if _, err = to.Write(line); err == nil {
			err = to.Sync()
		}
		if err != nil { // it is written again, and no half of it is to stay
			err = errors.Join(err, to.Truncate(end))
		}
	}
	return errors.Join(err, to.Close())
}

// ToHTTP returns a destination that posts failures, as application/json. An
// answer of 200 to 299 takes one. A nil client is [http.DefaultClient].
func ToHTTP(url string, client *http.Client, form Form) Destination {
	if client == nil {
		client = http.DefaultClient
	}
	return DestinationFunc(func(ctx context.Context, f *Failure) error {
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
		return nil
	})
}

// ToStream returns a destination that puts failures into a stream, with the
// shard's id as their partition key. One that is larger than 1 MiB with its
// payload is put without.
func ToStream(s client.Stream, form Form) Destination {
	return DestinationFunc(func(ctx context.Context, f *Failure) error {
		entry := weir.Entry{PartitionKey: f.KinesisBatchInfo.ShardID, Data: f.Document(form)}
		if entry.Size() > maxStreamRecord {
			entry.Data = f.Document(QueueForm)
		}
		results, err := s.PutRecords(ctx, []weir.Entry{entry})
		if err != nil {
			return err
		}
		return results[0].Err
	})
}

const maxStreamRecord = 1 << 20
