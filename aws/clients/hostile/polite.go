package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	politeStream = "polite"
	politeEvery  = 5 * time.Millisecond
	politeConns  = 16
)

// fresh opens a connection for each request, as a client does that comes new.
var fresh = &http.Client{Timeout: dialTime, Transport: &http.Transport{DisableKeepAlives: true}}

// A polite client puts small records at a steady rate, whether or not those
// before are answered, and measures how long each takes.
type polite struct {
	server *server
	client *http.Client
	signer *v4.Signer

	mu   sync.Mutex // guards puts
	puts politePuts
}

// politePuts are the puts of a while.
type politePuts struct {
	took    []time.Duration // of those that were answered
	stored  int
	full    int            // refused for the server's memory
	refused map[string]int // for anything else, or not answered
}

func newPolite(s *server) *polite {
	return &polite{server: s, signer: v4.NewSigner(), client: &http.Client{
		Timeout:   answerTime,
		Transport: &http.Transport{MaxConnsPerHost: politeConns, MaxIdleConnsPerHost: politeConns},
	}}
}

// connect opens all of its connections, before others take them.
func (p *polite) connect(ctx context.Context) {
	var wait sync.WaitGroup
	for range politeConns {
		wait.Go(func() { p.put(ctx) })
	}
	wait.Wait()
	p.since()
}

// run puts until ctx ends.
func (p *polite) run(ctx context.Context) {
	var wait sync.WaitGroup
	defer wait.Wait()
	tick := time.NewTicker(politeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			wait.Go(func() { p.put(ctx) })
		}
	}
}

// since returns the puts since it was last called.
func (p *polite) since() politePuts {
	p.mu.Lock()
	defer p.mu.Unlock()
	puts := p.puts
	p.puts = politePuts{}
	return puts
}

// record is what it puts.
var record = fmt.Appendf(nil, `{"StreamName":"%s","PartitionKey":"a","Data":"%s"}`, politeStream, bytes.Repeat([]byte("aGVsbG8h"), 16))

func (p *polite) put(ctx context.Context) {
	begin := time.Now()
	status, body, err := p.call(ctx, p.client, "PutRecord", record)
	took := time.Since(begin)
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.puts.refused == nil {
		p.puts.refused = make(map[string]int)
	}
	switch {
	case err != nil:
		p.puts.refused["no answer"]++
		return
	case status == http.StatusOK:
		p.puts.stored++
	case bytes.Contains(body, throttleWords[0]):
		p.puts.full++
	default:
		p.puts.refused[fmt.Sprintf("%d %s", status, start(body))]++
	}
	p.puts.took = append(p.puts.took, took)
}

// call calls an operation, signed if the server wants that.
func (p *polite) call(ctx context.Context, c *http.Client, name string, body []byte) (status int, answer []byte, err error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.server.addr+"/", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	q.Header.Set("Content-Type", contentJSON)
	q.Header.Set("X-Amz-Target", prefix+name)
	if p.server.keys {
		sum := sha256.Sum256(body)
		credentials := aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}
		if err := p.signer.SignHTTP(ctx, credentials, q, hex.EncodeToString(sum[:]), "kinesis", "us-east-1", time.Now()); err != nil {
			return 0, nil, err
		}
	}
	resp, err := c.Do(q)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// quantile returns the time that a share of the answered puts did not exceed.
func (p politePuts) quantile(share float64) time.Duration {
	if len(p.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(p.took))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// judge says what is wrong with the puts, but for how long they took.
func (p politePuts) judge(mayBeFull bool) error {
	for why, n := range p.refused {
		return fmt.Errorf("%d puts of the polite client: %s", n, why)
	}
	if p.full > 0 && !mayBeFull {
		return fmt.Errorf("%d puts of the polite client were throttled", p.full)
	}
	if len(p.took) == 0 {
		return fmt.Errorf("the polite client had nothing answered")
	}
	return nil
}

// tidy deletes the streams that are not its own.
func (p *polite) tidy(ctx context.Context) error {
	const pages = 1000
	for range pages {
		names, more, err := p.list(ctx, p.client)
		if err != nil {
			return err
		}
		for _, name := range names {
			if name == politeStream {
				continue
			}
			body := fmt.Appendf(nil, `{"StreamName":"%s","EnforceConsumerDeletion":true}`, name)
			if status, answer, err := p.call(ctx, p.client, "DeleteStream", body); err != nil || status != http.StatusOK {
				return fmt.Errorf("DeleteStream %s: %d %s %w", name, status, start(answer), err)
			}
		}
		if !more {
			return nil
		}
	}
	return fmt.Errorf("there are more than %d pages of streams", pages)
}

// list lists streams, and says whether there are more.
func (p *polite) list(ctx context.Context, c *http.Client) (names []string, more bool, err error) {
	status, answer, err := p.call(ctx, c, "ListStreams", []byte(`{"Limit":10000}`))
	if err != nil {
		return nil, false, fmt.Errorf("ListStreams: %w", err)
	}
	var out struct {
		StreamNames    []string
		HasMoreStreams bool
	}
	if err := json.Unmarshal(answer, &out); err != nil || status != http.StatusOK {
		return nil, false, fmt.Errorf("ListStreams: status %d: %s", status, start(answer))
	}
	return out.StreamNames, out.HasMoreStreams, nil
}

// normal waits until the server is as it was: a new connection is served, and a
// record is stored.
func (p *polite) normal(ctx context.Context) error {
	const patience, interval = 5 * time.Second, 50 * time.Millisecond
	for begin := time.Now(); ; time.Sleep(interval) {
		err := p.served(ctx)
		if err == nil || time.Since(begin) > patience || !p.server.alive() {
			return err
		}
	}
}

func (p *polite) served(ctx context.Context) error {
	if names, more, err := p.list(ctx, fresh); err != nil {
		return err
	} else if more || len(names) != 1 || names[0] != politeStream {
		return fmt.Errorf("ListStreams lists %d streams", len(names))
	}
	status, answer, err := p.call(ctx, p.client, "PutRecord", record)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("PutRecord: %d %s %w", status, start(answer), err)
	}
	return nil
}
