// Command server is what the client suites of aws/clients talk to: a Kinesis
// endpoint whose accounts behave according to their region, so that one process
// serves tests that must not wait and tests of waiting.
//
//	us-east-1       at once: no delays, no throughput limits, no call rates
//	us-west-2       paced: streams, consumers and channels take a moment to change
//	eu-west-1       limited: the service's throughput limits and call rates
//	ap-southeast-2  hasty: at once, and a second lasts a hundred
//
// It speaks HTTP/1.1, cleartext HTTP/2 and TLS on one loopback port that the
// system chooses; a second such port takes only requests that are signed with the
// keys below. When it is ready it prints a line of JSON that says where it is.
package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/weirstream/weir/aws/account"
	"github.com/weirstream/weir/aws/kinesisserver"
)

// The keys that the signed endpoint takes.
const (
	signedKey     = "AKIDCLIENTS000000001"
	signedSecret  = "only-for-these-tests"
	signedAccount = "210987654321"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", "", "where to write ca.pem, the certificates that TLS is spoken with")
	verbose := flag.Bool("v", false, "log each request to standard error")
	flag.Parse()
	var log *slog.Logger
	if *verbose {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}

	accounts := func() *kinesisserver.Registry {
		return kinesisserver.NewRegistry(kinesisserver.RegistryConfig{Open: open, MaxAccounts: 1 << 20})
	}
	free, err := start(kinesisserver.Config{Accounts: accounts(), TLS: true, Log: log})
	if err != nil {
		return err
	}
	signed, err := start(kinesisserver.Config{Accounts: accounts(), TLS: true, Log: log, Credentials: []kinesisserver.Credential{
		{AccessKeyID: signedKey, SecretAccessKey: signedSecret, AccountID: signedAccount},
	}})
	if err != nil {
		return err
	}
	ca := filepath.Join(*dir, "ca.pem")
	var certificates []byte
	for _, sv := range []*serving{free, signed} {
		certificates = append(certificates, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sv.Certificate()})...)
	}
	if err := os.WriteFile(ca, certificates, 0o644); err != nil {
		return err
	}
	ready := map[string]string{
		"WEIR_HTTP": "http://" + free.addr, "WEIR_HTTPS": "https://" + free.addr, "WEIR_CA": ca,
		"WEIR_SIGNED_HTTP": "http://" + signed.addr, "WEIR_SIGNED_HTTPS": "https://" + signed.addr,
		"WEIR_SIGNED_KEY": signedKey, "WEIR_SIGNED_SECRET": signedSecret, "WEIR_SIGNED_ACCOUNT": signedAccount,
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-free.failed:
	case err = <-signed.failed:
	}
	ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, free.Shutdown(ending), signed.Shutdown(ending))
}

// A serving is a server that serves.
type serving struct {
	*kinesisserver.Server
	addr   string
	failed chan error // takes why it serves no more
}

func start(c kinesisserver.Config) (*serving, error) {
	s, err := kinesisserver.New(c)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	sv := &serving{Server: s, addr: l.Addr().String(), failed: make(chan error, 1)}
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			sv.failed <- err
		}
	}()
	return sv, nil
}

// open opens the account with an id, of the behaviour that its region stands for.
func open(id, region string) (*account.Account, error) {
	c := account.Instant()
	c.ID, c.Region = id, region
	switch region {
	case "us-west-2":
		const moment = 5 * time.Second // for a slow machine to see it
		c.Delays = account.Delays{Create: moment, Delete: moment, Reshard: moment,
			Update: moment, Consumer: moment, Channel: moment}
	case "eu-west-1":
		service := account.Config{ID: id, Region: region, Delays: c.Delays}
		c = service
	case "ap-southeast-2":
		const times = 100
		begin := time.Now()
		c.Now = func() time.Time { return begin.Add(times * time.Since(begin)) }
	}
	return account.New(c)
}
