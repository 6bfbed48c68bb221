package main

const module = "github.com/sioserver/sioserver/"

// importRules say which package may import which, and which must. Folders are
// relative to the module's root and include what is below them.
type importRules struct {
	// layers has each folder that is a layer, and the other layers that its
	// packages import. A package is in the layer with the longest name. Other
	// imports of the module are refused, and each one listed must exist.
	layers map[string][]string
	// tops are the folders that no package outside them imports.
	tops []string
	// importers has the only folders that import a dependency, and each of
	// them does.
	importers map[string][]string
	// testers is importers for dependencies of tests alone.
	testers map[string][]string
	// standard has packages of the standard library and the only folders whose
	// code imports them. Tests may import them too.
	standard map[string][]string
	// without has packages that do not depend on others, even indirectly.
	without map[string][]string
}

var rules = importRules{
	layers: map[string][]string{
		"codec":                     {},
		"eio/ratelimit":             {},
		"loop/internal/goid":        {},
		"loop/invariants":           {"loop/internal/goid"},
		"loop/logscope":             {},
		"loop/safelog":              {},
		"loop":                      {"loop/internal/goid", "loop/invariants", "loop/safelog"},
		"eio":                       {"eio/ratelimit", "codec", "loop", "loop/invariants", "loop/logscope", "loop/safelog"},
		"sio/internal":              {},
		"sio/internal/clientbundle": {"eio"},
		"sio/adapter":               {"loop/invariants", "sio/internal"},
		"sio":                       {"eio/ratelimit", "codec", "loop", "loop/invariants", "loop/logscope", "loop/safelog", "eio", "sio/internal", "sio/internal/clientbundle", "sio/adapter"},
		"sio/cluster":               {"codec", "loop/safelog", "sio/internal", "sio/adapter"},
		"sio/metrics":               {"sio"},
		"sio/otelsio":               {"sio"},
		"sio/emitter":               {"codec", "sio/adapter", "sio/cluster"},
		"sio/interop":               {"loop", "eio", "sio"},
		"sio/simulation":            {"loop", "loop/invariants", "sio", "sio/adapter", "sio/cluster"},
		"cmd/sioserver":             {"eio", "sio", "sio/adapter", "sio/cluster", "sio/metrics"},
		"bench":                     {"eio", "sio", "sio/adapter", "sio/cluster"},
		"docs":                      {},
	},
	tops: []string{"cmd", "bench", "sio/interop", "sio/simulation"},
	importers: map[string][]string{
		"github.com/panjf2000/gnet/v2":        {"loop/internal/gnetpoll"},
		"github.com/valyala/bytebufferpool":   {"loop"},
		"github.com/gobwas/ws":                {"eio/internal/wsframe"},
		"github.com/klauspost/compress":       {"eio/internal/deflate"},
		"github.com/bytedance/sonic":          {"codec/jsonenc"},
		"github.com/andybalholm/brotli":       {"sio/internal/clientbundle"},
		"github.com/redis/go-redis/v9":        {"sio/cluster/redisadapter"},
		"github.com/coreos/go-systemd/v22":    {"cmd/sioserver/sockets"},
		"github.com/prometheus/client_golang": {"sio/metrics", "cmd/sioserver/ops"},
		"go.opentelemetry.io/otel":            {"sio/otelsio"},
		"go.opentelemetry.io/otel/trace":      {"sio/otelsio"},
		"golang.org/x/sys":                    {"loop", "sio/cluster/redisadapter", "bench"},

		"github.com/HdrHistogram/hdrhistogram-go": {"bench/stats"},
		"github.com/pelletier/go-toml/v2":         {"bench", "cmd/sioserver/settings"},
		"golang.org/x/net":                        {"bench/attack"},
		"golang.org/x/image":                      {"bench/chart"},
	},
	standard: map[string][]string{
		"math/rand": {"loop/looptest", "sio/simulation", "sio/cluster/redisadapter/redistest", "bench"}, // it can be predicted: ids are made with crypto/rand
		"unsafe":    {"codec/jsonenc", "loop/internal/gnetpoll", "loop/internal/tlsbuf", "sio/cluster", "bench"},
	},
	testers: map[string][]string{
		"go.opentelemetry.io/otel/sdk":      {"sio/otelsio"},
		"github.com/vmihailenco/msgpack/v5": {"codec/msgpack"},
		"github.com/pires/go-proxyproto":    {"eio/internal/proxyproto"},
	},
	without: map[string][]string{
		"sio/emitter": {module + "loop", module + "eio", module + "sio", module + "sio/cluster/redisadapter", "github.com/redis/go-redis/v9"},
	},
}

// forbidden are the words that comments, Markdown and the texts of the program
// do without.
var forbidden = []string{"who", "whom", "nobody", "everybody", "anew", "in vain", "shall", "tells that"}

// people are the words after which "who" is right.
var people = []string{"people", "person", "users", "operators", "someone", "anyone", "developers", "attackers", "those"}

// quoted are the texts, as far as they are in one line, in which the words
// stay.
var quoted = []string{}

// unchecked are the folders and files that still have forbidden words. Each one
// is taken out once it has none.
var unchecked = []string{}
