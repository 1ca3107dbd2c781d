package kinesisserver

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// anything stands for all hosts, or all origins, in a list of those allowed.
const anything = "*"

// A guard keeps web pages out. A browser sends a page's requests to whatever
// address the page names, loopback included, and says in Origin whose page it
// is. A page whose own name was made to point to this machine meanwhile (a
// rebound name) is of the same origin as the server in the browser's eyes, but
// that name is then the Host.
type guard struct {
	origins []string
	hosts   []string // names, in lower case, besides those that hostIsSafe knows
}

func newGuard(c Config) (guard, error) {
	g := guard{origins: c.AllowOrigins}
	for i, origin := range c.AllowOrigins {
		if !isOrigin(origin) {
			return guard{}, fmt.Errorf("allow origins[%d]: %q is no origin, such as http://localhost:3000, null or *",
				i, clip(origin))
		}
	}
	own := func(name string) { g.hosts = append(g.hosts, strings.ToLower(hostName(name))) }
	for i, host := range c.AllowHosts {
		if host == "" || host != anything && strings.ContainsAny(host, "*/:@ ") {
			return guard{}, fmt.Errorf("allow hosts[%d]: %q is no name of a host without a port, nor *", i, clip(host))
		}
		own(host)
	}
	own(c.Addr)
	if name, err := os.Hostname(); err == nil { // else it has to be allowed like others
		own(name)
	}
	return g, nil
}

// isOrigin reports whether a browser can send s as an Origin, or it is *.
func isOrigin(s string) bool {
	if s == anything || s == "null" {
		return true
	}
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && s == u.Scheme+"://"+u.Host
}

// check refuses a request, by its Host and its Origin, that a web page may have
// sent.
func (g *guard) check(host, origin string) error {
	if !g.allowsHost(host) {
		return forbidden("Host '" + clip(host) + "' is no address of a machine and no name known as this one's. " +
			"If it is yours, allow it: AllowHosts, or weir serve --allow-host.")
	}
	if origin != "" && !isOriginOf(origin, host) && !g.allowsOrigin(origin) {
		return forbidden("Web pages of the origin '" + clip(origin) + "' may not call this endpoint. " +
			"If they are yours, allow it: AllowOrigins, or weir serve --allow-origin.")
	}
	return nil
}

func forbidden(message string) *wireError {
	return &wireError{status: http.StatusForbidden, code: "AccessDeniedException", message: message}
}

// isOriginOf reports whether an origin is that of a host and port.
func isOriginOf(origin, host string) bool {
	_, of, found := strings.Cut(origin, "://")
	return found && host != "" && strings.EqualFold(of, host)
}

func (g *guard) allowsOrigin(origin string) bool {
	return slices.ContainsFunc(g.origins, func(allowed string) bool {
		return allowed == anything || strings.EqualFold(allowed, origin) // browsers send lower case
	})
}

func (g *guard) allowsHost(host string) bool {
	name := hostName(host)
	if hostIsSafe(name) || slices.Contains(g.hosts, anything) {
		return true
	}
	return slices.Contains(g.hosts, strings.ToLower(name))
}

// privateDomains end the names that nobody can register: RFC 2606, 6761 and
// 6762, and what ICANN keeps for private networks, as in host.docker.internal.
var privateDomains = []string{".localhost", ".internal", ".local", ".test", ".example"}

// serviceDomains end the names of the service.
var serviceDomains = []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"}

// hostIsSafe reports whether no web page can have a host, other than one of
// this machine or its network: it is an address, a name without a dot such as
// localhost or another container's, one that cannot be registered, or one of
// the service. A client of HTTP/1.0 sends none.
func hostIsSafe(name string) bool {
	if !strings.Contains(name, ".") && !strings.Contains(name, ":") {
		return true
	}
	// An error costs more than to see that a name is no address.
	if last := name[len(name)-1]; last >= '0' && last <= '9' || strings.Contains(name, ":") {
		if _, err := netip.ParseAddr(name); err == nil {
			return true
		}
	}
	name = strings.ToLower(name)
	inDomain := func(domain string) bool { return strings.HasSuffix(name, domain) }
	return name == "example.com" || // reserved too, and what httptest.NewRequest names
		slices.ContainsFunc(privateDomains, inDomain) ||
		tenantOfHost(name).region != "" && slices.ContainsFunc(serviceDomains, inDomain)
}

// hostName returns a host without its port, the brackets of an IPv6 address,
// and the dot that may end a name.
func hostName(host string) string {
	if strings.HasPrefix(host, "[") {
		host, _, _ = strings.Cut(host[1:], "]")
		return host
	}
	if i := strings.IndexByte(host, ':'); i >= 0 && i == strings.LastIndexByte(host, ':') {
		host = host[:i]
	}
	return strings.TrimSuffix(host, ".")
}

// errKeysNeeded says that a request of the server's own paths names no key.
var errKeysNeeded = errors.New("this endpoint has keys: the user is the access key, the password the secret key")

// checkBasic checks the key that a request names in HTTP's basic way, if the
// server has credentials to check it with.
func (s *Server) checkBasic(r *http.Request) error {
	if len(s.credentials) == 0 {
		return nil
	}
	id, secret, _ := r.BasicAuth()
	cred, ok := s.credentials[id]
	if !ok || subtle.ConstantTimeCompare([]byte(secret), []byte(cred.SecretAccessKey)) != 1 ||
		r.Header.Get("X-Amz-Security-Token") != cred.SessionToken {
		return errKeysNeeded
	}
	return nil
}
