package settings

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio"
)

// day is the longest time of a drain.
const day = 24 * time.Hour

// wrong is a value that is refused.
type wrong struct {
	name  string // of the flag
	value any
	must  string
}

func (w *wrong) Error() string {
	return fmt.Sprintf("invalid value %q for flag -%s: %s", fmt.Sprint(w.value), w.name, w.must)
}

// check refuses invalid values with an error that names the flag; that of
// sio.New would name a field of its Config.
func (s *Settings) check() error {
	for _, c := range []struct {
		name  string
		value any
		ok    bool
		must  string
	}{
		{"addr", s.Addr, s.Addr != "", "it must be host:port or :port"},
		{"path", s.Path, strings.HasPrefix(s.Path, "/"), "it must begin with a slash"},
		{"path", s.Path, s.Path != "/" || s.NoDemo, "the demo has this path; add -no-demo"},
		{"path", s.Path, s.Path != "/" || !s.Health, "/healthz would be below this path; leave out -health, and use -ops-addr"},
		{"loops", s.Loops, s.Loops >= 0 && s.Loops <= 256, "it must be between 1 and 256, or 0 for one for each processor"},
		{"ping-interval", s.PingInterval, s.PingInterval.Duration >= time.Millisecond, "it must be at least 1ms"},
		{"ping-timeout", s.PingTimeout, s.PingTimeout.Duration >= time.Millisecond, "it must be at least 1ms"},
		{"upgrade-timeout", s.UpgradeTimeout, s.UpgradeTimeout.Duration >= time.Millisecond, "it must be at least 1ms"},
		{"connect-timeout", s.ConnectTimeout, s.ConnectTimeout.Duration >= time.Millisecond, "it must be at least 1ms"},
		{"max-http-buffer-size", s.MaxHTTPBufferSize, s.MaxHTTPBufferSize > 0, "it must be positive"},
		{"max-rooms", s.MaxRooms, s.MaxRooms >= 0, "it must not be negative"},
		{"socket-mode", s.SocketMode, s.SocketMode.FileMode == 0 || strings.HasPrefix(s.Addr, "unix:"), "it needs -addr unix:/path"},
		{"slow-consumer", s.SlowConsumer, slices.Contains(slowPolicies, s.SlowConsumer), "it must be disconnect, drop-newest or drop-oldest"},
		{"log-format", s.LogFormat, s.LogFormat == "text" || s.LogFormat == "json", "it must be text or json"},
		{"adapter", s.Adapter, slices.Contains(Adapters, s.Adapter), "it must be pubsub, sharded or streams"},
		{"adapter", s.Adapter, s.Adapter == Adapters[0] || s.Redis != "", "it needs -redis"},
		{"advertise", s.Advertise, s.Advertise == "" || s.Redis != "", "it needs -redis"},
		{"advertise", s.Advertise, s.Advertise == "" || isHostPort(s.Advertise), "it must be host:port"},
		{"drain-notice", s.Drain.Notice, s.Drain.Notice.Duration >= 0 && s.Drain.Notice.Duration <= day, "it must be between 0 and 24h"},
		{"drain-spread", s.Drain.Spread, s.Drain.Spread.Duration >= 0 && s.Drain.Spread.Duration <= day, "it must be between 0 and 24h"},
		{"shutdown-timeout", s.ShutdownTimeout, s.ShutdownTimeout.Duration >= 0, "it must not be negative"},
	} {
		if !c.ok {
			return &wrong{c.name, c.value, c.must}
		}
	}
	if err := new(sio.LogScopes).Set(s.Debug); err != nil {
		return &wrong{"debug", s.Debug, err.Error()}
	}
	if err := s.checkLists(); err != nil {
		return err
	}
	return s.checkTables()
}

func (s *Settings) checkLists() error {
	if len(s.Transports) == 0 {
		return &wrong{"transports", "", "it must be polling, websocket or both, with a comma between them"}
	}
	for _, t := range s.Transports {
		if t != "polling" && t != "websocket" {
			return &wrong{"transports", t, "it must be polling, websocket or both, with a comma between them"}
		}
	}
	for _, origin := range s.Origins {
		if !eio.ValidOrigin(origin) {
			return &wrong{"origins", origin, "it must be an origin as browsers send it, such as https://example.com, or https://*.example.com, or null"}
		}
	}
	for name, list := range map[string]List{"trusted-proxies": s.TrustedProxies, "proxy-protocol": s.ProxyProtocol, "limits-exempt": s.Limits.Exempt} {
		for _, proxy := range list {
			if _, err := parsePrefix(proxy); err != nil {
				return &wrong{name, proxy, "it must be an IP address, or a range such as 10.0.0.0/8"}
			}
		}
	}
	if s.AddressField != "" && len(s.TrustedProxies) == 0 {
		return &wrong{"address-field", s.AddressField, "it needs -trusted-proxies"}
	}
	return nil
}

func (s *Settings) checkTables() error {
	cors := len(s.CORS.Origins) > 0 || s.CORS.Credentials
	for _, c := range []struct {
		name  string
		value any
		ok    bool
		must  string
	}{
		{"cors-methods", s.CORS.Methods.String(), cors || len(s.CORS.Methods) == 0, "it needs -cors-origins or -cors-credentials"},
		{"cors-allowed-headers", s.CORS.AllowedHeaders.String(), cors || len(s.CORS.AllowedHeaders) == 0, "it needs -cors-origins or -cors-credentials"},
		{"cors-exposed-headers", s.CORS.ExposedHeaders.String(), cors || len(s.CORS.ExposedHeaders) == 0, "it needs -cors-origins or -cors-credentials"},
		{"cors-max-age", s.CORS.MaxAge, s.CORS.MaxAge.Duration >= 0 && s.CORS.MaxAge.Duration%time.Second == 0, "it must be a number of whole seconds"},
		{"cookie-max-age", s.Cookie.MaxAge, s.Cookie.MaxAge.Duration >= 0 && s.Cookie.MaxAge.Duration%time.Second == 0, "it must be a number of whole seconds"},
		{"cookie-same-site", s.Cookie.SameSite, sameSite[s.Cookie.SameSite] != 0, "it must be lax, strict or none"},
		{"cookie-same-site", s.Cookie.SameSite, s.Cookie.Name == "" || s.Cookie.SameSite != "none" || s.Cookie.Secure, "browsers drop such a cookie without -cookie-secure"},
		{"recovery-duration", s.Recovery.Duration, s.Recovery.Duration.Duration >= 0, "it must not be negative"},
		{"compression-http", s.Compression.HTTP, s.Compression.HTTP >= -1, "it must be a number of bytes, 0 or -1"},
		{"compression-websocket", s.Compression.WebSocket, s.Compression.WebSocket >= 0, "it must not be negative"},
		{"compression-level", s.Compression.Level, s.Compression.Level >= 0 && s.Compression.Level <= 9, "it must be between 1 and 9, or 0 for 1"},
		{"compression-level", s.Compression.Level, s.Compression.Level == 0 || s.Compression.WebSocket > 0, "it needs -compression-websocket"},
		{"limits-address-sessions", s.Limits.AddressSessions, s.Limits.AddressSessions >= 0, "it must not be negative"},
		{"limits-address-handshakes", s.Limits.AddressHandshakes, s.Limits.AddressHandshakes >= 0, "it must not be negative"},
		{"limits-address-failures", s.Limits.AddressFailures, s.Limits.AddressFailures >= 0, "it must not be negative"},
		{"limits-address-events", s.Limits.AddressEvents, s.Limits.AddressEvents >= 0, "it must not be negative"},
		{"limits-socket-events", s.Limits.SocketEvents, s.Limits.SocketEvents >= 0, "it must not be negative"},
		{"limits-event-policy", s.Limits.EventPolicy, slices.Contains(eventPolicies, s.Limits.EventPolicy), "it must be pause, refuse or disconnect"},
		{"limits-exempt", s.Limits.Exempt.String(), len(s.Limits.Exempt) == 0 || s.Limits.address(), "it needs a limit of an address"},
		{"tls-key", s.TLS.Key, (s.TLS.Key == "") == (s.TLS.Cert == ""), "-tls-cert and -tls-key need each other"},
		{"tls-handshake-timeout", s.TLS.HandshakeTimeout, s.TLS.HandshakeTimeout.Duration >= 0, "it must not be negative"},
		{"tls-client-ca", s.TLS.ClientCA, s.TLS.ClientCA == "" || s.TLS.Cert != "", "it needs -tls-cert"},
	} {
		if !c.ok {
			return &wrong{c.name, c.value, c.must}
		}
	}
	return nil
}

// isHostPort reports whether addr is host:port of a server that can be
// connected to.
func isHostPort(addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	return err == nil && host != "" && port != "" && port != "0" && !strings.Contains(addr, " ")
}

// parsePrefix reads a range of addresses, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// prefixes reads a list that checkLists has accepted; nil for an empty one.
func prefixes(list List) (all []netip.Prefix) {
	for _, text := range list {
		p, _ := parsePrefix(text)
		all = append(all, p)
	}
	return all
}

// redacted returns the URL without its password.
func redacted(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
