package eio

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// origins is Config.Origins in the form in which it is searched. A nil one
// admits every request. Immutable.
type origins struct {
	exact map[string]bool
	below []subdomains
}

// subdomains are all origins between a scheme and a domain.
type subdomains struct {
	scheme string // with "://"
	domain string // from its dot to the port
}

// newOrigins refuses what no browser sends as an origin.
func newOrigins(list []string) (*origins, error) {
	if list == nil {
		return nil, nil
	}
	if len(list) == 0 {
		return nil, errors.New("eio: Config.Origins is empty; leave it nil for all origins")
	}
	o := &origins{exact: make(map[string]bool)}
	for _, origin := range list {
		if origin == "*" {
			return nil, errors.New(`eio: Config.Origins has "*"; leave it nil for all origins`)
		}
		if !ValidOrigin(origin) {
			return nil, fmt.Errorf(`eio: Config.Origins has %q; it must be "null" or a scheme, a host and perhaps a port as browsers send them, such as "https://example.com" or "https://*.example.com"`, origin)
		}
		if scheme, host, ok := strings.Cut(origin, "://*."); ok {
			o.below = append(o.below, subdomains{scheme + "://", "." + host})
		} else {
			o.exact[origin] = true
		}
	}
	return o, nil
}

// ValidOrigin reports whether [Config].Origins may have o.
func ValidOrigin(o string) bool {
	plain := strings.Replace(o, "://*.", "://", 1)
	return o == "null" || isOrigin(plain) && isSent(plain)
}

// isOrigin reports whether o has the form of an origin other than "null".
func isOrigin(o string) bool {
	scheme, host, ok := strings.Cut(o, "://")
	return ok && scheme != "" && host != "" && !strings.ContainsAny(o, "?#@*, ") && !strings.Contains(host, "/") &&
		o == strings.ToLower(o)
}

// isSent reports whether browsers write o so: an international name in its
// ASCII form, and without the port that the scheme has anyway.
func isSent(o string) bool {
	for i := range len(o) {
		if o[i] >= 0x80 {
			return false
		}
	}
	return !(strings.HasPrefix(o, "https://") && strings.HasSuffix(o, ":443")) &&
		!(strings.HasPrefix(o, "http://") && strings.HasSuffix(o, ":80"))
}

// allows reports whether origin is in the list.
func (o *origins) allows(origin string) bool {
	if o.exact[origin] {
		return true
	}
	for _, s := range o.below {
		if rest, ok := strings.CutPrefix(origin, s.scheme); ok {
			if label, ok := strings.CutSuffix(rest, s.domain); ok && isHostPart(label) {
				return true
			}
		}
	}
	return false
}

// isHostPart reports whether s can be the beginning of a host's name.
func isHostPart(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return s != ""
}

// admits reports whether req may use the engine. A request without an origin is
// not a page's of another origin, with two exceptions, by which a page gets
// GETs sent: scripts, which JSONP is made of, and requests whose answer the
// page can't read. Browsers mark both by Sec-Fetch-Site, but not over plain
// HTTP, so JSONP always needs an origin.
func (o *origins) admits(req *http1.Request) bool {
	if o == nil {
		return true
	}
	if req.Header("Origin") != nil {
		origin := req.Single("Origin") // nil for several
		return origin != nil && o.allows(string(origin))
	}
	if _, jsonp := http1.QueryValue(req.RawQuery, "j"); jsonp {
		return false
	}
	return !isForeignSite(string(req.Header("Sec-Fetch-Site")))
}

// isForeignSite reports whether a Sec-Fetch-Site field says that a page of
// another origin has caused the request.
func isForeignSite(site string) bool { return site == "cross-site" || site == "same-site" }

// admitsUpgrade is admits for the upgrades of net/http. field are the values of
// the request's Origin fields.
func (o *origins) admitsUpgrade(field []string) bool {
	return o == nil || len(field) == 0 || len(field) == 1 && o.allows(field[0])
}
