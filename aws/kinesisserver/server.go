package kinesisserver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"
)

// The bounds of a [Config] that are not set.
const (
	DefaultAddr              = "127.0.0.1:4567"
	DefaultMaxBodyBytes      = 16 << 20 // a PutRecords of 10 MiB grows by a third in base64
	DefaultMaxInFlightBytes  = 512 << 20
	DefaultMaxHeaderBytes    = 64 << 10
	DefaultReadHeaderTimeout = 10 * time.Second
	DefaultReadTimeout       = time.Minute
	DefaultWriteTimeout      = 2 * time.Minute
	DefaultIdleTimeout       = 2 * time.Minute
	DefaultMaxConnections    = 4096
	DefaultMaxSubscriptions  = 4096
)

// A Config says how a server behaves. The zero Config serves accounts of the
// service's behaviour on loopback, to whoever asks, and logs nothing.
type Config struct {
	// Accounts are the accounts to serve. Nil means a [NewRegistry] of the zero
	// RegistryConfig.
	Accounts *Registry
	// Credentials are the keys that requests must be signed with. None means
	// that signatures are not checked, and need not be there.
	Credentials []Credential

	// Addr is where [Server.ListenAndServe] listens. Empty means [DefaultAddr].
	Addr string
	// TLS makes the server speak TLS, beside cleartext on the same port.
	TLS bool
	// Certificate is what to speak TLS with. Nil means one made at start that
	// no authority signed, for localhost and the loopback addresses.
	Certificate *tls.Certificate

	// AllowOrigins are the origins whose web pages may call the server from a
	// browser, such as http://localhost:3000; "*" is all of them, "null" pages
	// without one. None means that only pages of the server's own origin may.
	// Clients that are no browsers send no Origin and are not concerned.
	AllowOrigins []string
	// AllowHosts are names, without a port, by which clients may call the
	// server, as their Host header says; "*" is all of them. None means those
	// that no foreign web page can have: addresses, names without a dot, names
	// that cannot be registered (such as host.docker.internal), the host of
	// Addr, the machine's name and names of the service.
	AllowHosts []string

	// MaxBodyBytes is how large a request's body may be. Zero means 16 MiB.
	MaxBodyBytes int64
	// MaxInFlightBytes is how many bytes the bodies of all requests and answers
	// under way may have together, not counting the first 64 KiB of each, for which
	// there are as many again, 16 KiB for each request included. Requests beyond
	// it, and the answers of GetRecords, are refused with 503; the events of
	// subscriptions wait. While it is short, connections are closed whose client has
	// neither sent nor taken anything for five seconds that it should have, if
	// Serve has accepted them. Zero means 512 MiB; negative means any number.
	MaxInFlightBytes int64
	// MaxHeaderBytes is how large a request's headers may be. Zero means 64
	// KiB.
	MaxHeaderBytes int
	// ReadHeaderTimeout, ReadTimeout, WriteTimeout and IdleTimeout are as in
	// [http.Server]. Zero means ten seconds, one, two and two minutes. A
	// subscription outlives them: it has 30 s for each event.
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	WriteTimeout      time.Duration
	IdleTimeout       time.Duration
	// MaxConnections is how many connections may be open; further ones are
	// refused at once with 503. Zero means 4,096; negative means any number.
	MaxConnections int
	// MaxSubscriptions is how many SubscribeToShard may be open; further ones
	// are refused. Zero means 4,096; negative means any number.
	MaxSubscriptions int

	// Console answers what is asked below /_weir/, beside the server's own health
	// and metrics, such as package console's. Hosts and origins are checked before,
	// and so is HTTP's basic authentication if there are Credentials. Nil means that
	// there is nothing.
	Console http.Handler

	// Log takes a line for each request, with the id of the access key that it
	// is signed with. Nil means no log. Secret keys, session tokens, signatures
	// and bodies are never logged.
	Log *slog.Logger
	// Now tells the time, for Date headers and signatures. Nil means
	// [time.Now].
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Accounts == nil {
		c.Accounts = NewRegistry(RegistryConfig{})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Addr = cmp.Or(c.Addr, DefaultAddr)
	c.MaxBodyBytes = cmp.Or(c.MaxBodyBytes, DefaultMaxBodyBytes)
	c.MaxInFlightBytes = cmp.Or(c.MaxInFlightBytes, DefaultMaxInFlightBytes)
	c.MaxHeaderBytes = cmp.Or(c.MaxHeaderBytes, DefaultMaxHeaderBytes)
	c.ReadHeaderTimeout = cmp.Or(c.ReadHeaderTimeout, DefaultReadHeaderTimeout)
	c.ReadTimeout = cmp.Or(c.ReadTimeout, DefaultReadTimeout)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, DefaultWriteTimeout)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, DefaultIdleTimeout)
	c.MaxConnections = cmp.Or(c.MaxConnections, DefaultMaxConnections)
	c.MaxSubscriptions = cmp.Or(c.MaxSubscriptions, DefaultMaxSubscriptions)
	return c
}

// A Server serves the Kinesis API. Its methods may be called by any number of
// goroutines at a time.
type Server struct {
	config        Config
	operations    map[string]*operation
	credentials   map[string]Credential
	guard         guard
	budget        budget
	reading       chan struct{} // one is taken by whoever reads records from a stream
	refusal       time.Duration // that a connection beyond the bound has to take why
	date          dateText
	subscriptions *subscriptions
	metrics       *serverMetrics
	http          *http.Server
	silent        silentConns
	yield         func()
	tls           *tls.Config // nil without TLS
}

// readersAtOnce is how many records' readers there are at a time for each
// processor: the records that each has read, and what is made of them, take
// memory before it is known how much. None of them waits for a client.
const readersAtOnce = 4

// New returns a server. It listens nowhere yet: see [Server.Handler],
// [Server.Serve] and [Server.ListenAndServe].
func New(c Config) (*Server, error) {
	c = c.withDefaults()
	s := &Server{
		config:        c,
		operations:    make(map[string]*operation, len(operations)),
		credentials:   make(map[string]Credential, len(c.Credentials)),
		subscriptions: newSubscriptions(c.MaxSubscriptions),
		refusal:       refusalTime,
		yield:         yield,
	}
	for i := range operations {
		s.operations[operations[i].name] = &operations[i]
	}
	for i, cred := range c.Credentials {
		if cred.AccessKeyID == "" || cred.SecretAccessKey == "" {
			return nil, fmt.Errorf("credentials[%d]: the access key and the secret must not be empty", i)
		}
		if cred.AccountID != "" && !isAccountID(cred.AccountID) {
			return nil, fmt.Errorf("credentials[%d]: account id %q is not twelve digits", i, cred.AccountID)
		}
		s.credentials[cred.AccessKeyID] = cred
	}
	var err error
	if s.guard, err = newGuard(c); err != nil {
		return nil, err
	}
	s.budget.init(c.MaxInFlightBytes)
	s.reading = make(chan struct{}, readersAtOnce*runtime.GOMAXPROCS(0))
	s.metrics = newServerMetrics(s)
	if err := s.configureHTTP(); err != nil {
		return nil, err
	}
	return s, nil
}

// configureHTTP makes the HTTP server.
func (s *Server) configureHTTP() error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:           s.Handler(),
		Protocols:         &protocols,
		MaxHeaderBytes:    s.config.MaxHeaderBytes,
		ReadHeaderTimeout: s.config.ReadHeaderTimeout,
		ReadTimeout:       s.config.ReadTimeout,
		WriteTimeout:      s.config.WriteTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		ConnState:         s.silent.changed,
		ConnContext:       withConn,
		ErrorLog:          log.New(io.Discard, "", 0), // clients that break off are no news
	}
	if s.config.Log != nil {
		s.http.ErrorLog = slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug)
	}
	if s.config.TLS {
		return s.configureTLS()
	}
	return nil
}

// configureTLS takes the certificate that is given, or makes one.
func (s *Server) configureTLS() error {
	cert := s.config.Certificate
	if cert == nil {
		made, err := selfSigned(time.Now())
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		cert = &made
	}
	// net/http is not told: it would add to it while it is in use.
	s.tls = &tls.Config{
		Certificates: []tls.Certificate{*cert},
		NextProtos:   []string{"h2", "http/1.1"},
		MinVersion:   tls.VersionTLS12,
	}
	return nil
}

// Handler returns the handler of requests, for servers and tests that do not
// want the rest. Of the configuration's bounds only those on bodies and
// subscriptions hold for it.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serveHTTP) }

// Certificate returns the certificate that TLS is spoken with, in DER, for
// clients to trust; nil without TLS.
func (s *Server) Certificate() []byte {
	if s.tls == nil {
		return nil
	}
	return s.tls.Certificates[0].Certificate[0]
}

// Serve serves the connections that l accepts: HTTP/1.1 and HTTP/2, and both
// over TLS on the same port if TLS is configured. It returns
// [http.ErrServerClosed] after [Server.Shutdown], else why it could not go on.
// It closes l.
func (s *Server) Serve(l net.Listener) error {
	if s.config.MaxConnections > 0 {
		l = limitListener(l, s.config.MaxConnections, s.refusal, s.tls)
	}
	if s.tls != nil {
		l = newTLSListener(l, s.tls, s.config.ReadHeaderTimeout)
	}
	return s.http.Serve(l)
}

// ListenAndServe listens at [Config.Addr] and serves.
func (s *Server) ListenAndServe() error {
	l, err := net.Listen("tcp", s.config.Addr)
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// Shutdown stops accepting connections, closes those that have sent no request,
// ends the open subscriptions, and waits until the requests under way are
// answered or ctx ends, which closes what is left.
func (s *Server) Shutdown(ctx context.Context) error {
	s.subscriptions.close(errClosing)
	s.silent.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

func (s *Server) now() time.Time { return s.config.Now() }
