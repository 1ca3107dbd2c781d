package console

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// anyHost stands for all names in Config.AllowHosts.
const anyHost = "*"

// A guard decides who may look, by where a request comes from and what it calls
// this machine.
type guard struct {
	hosts  []string
	remote bool
}

// check refuses a request of another machine, and one that a foreign page may
// have sent whose name was made to point here.
func (g guard) check(r *http.Request) error {
	if !g.remote && !isLocal(r.RemoteAddr) {
		return errors.New("the console answers this machine only; its operator can allow others")
	}
	if name := hostName(r.Host); !g.allows(name) {
		return fmt.Errorf("%.80q is no address of this machine, and no name that it is known by", name)
	}
	return nil
}

// isLocal reports whether a remote address is of this machine. Requests that
// came over no network have none that can be read, or that of httptest.
func isLocal(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

// allows reports whether no foreign page can have a name, or it was allowed.
func (g guard) allows(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") ||
		slices.ContainsFunc(g.hosts, func(h string) bool { return h == anyHost || strings.EqualFold(h, name) })
}

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}

// policy is what a page may load and do: only what is ours. Its forms need a
// referrer policy that lets the browser send its Origin.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/html; charset=utf-8")
}

var crossOrigin = http.NewCrossOriginProtection()

// mayChange refuses a change that does not come from one of our own pages, by
// what is known before its form is read.
func (c *Console) mayChange(r *http.Request) error {
	if c.config.ReadOnly {
		return errors.New("this console is for reading only")
	}
	if err := crossOrigin.Check(r); err != nil {
		return fmt.Errorf("a change must come from the console's own pages: %w", err)
	}
	return nil
}

// checkToken refuses a form that no page of ours can have sent.
func (c *Console) checkToken(r *http.Request) error {
	if subtle.ConstantTimeCompare([]byte(r.PostFormValue("token")), []byte(c.token)) != 1 {
		return errors.New("the form is of an earlier run of the console, or not one of its own; open the page again")
	}
	return nil
}
