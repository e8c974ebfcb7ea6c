{
  "targets": [
    {
      "target_name": "bpfwarden",
      "sources": [
        "native/addon.cc",
        "native/canary.cc",
        "native/capabilities.cc",
        "native/kernel-types.cc",
        "native/log.cc",
        "native/maps.cc",
        "native/memory.cc",
        "native/notify.cc",
        "native/object.cc",
        "native/own-pid.cc",
        "native/pidfd.cc",
        "native/process.cc",
        "native/reader.cc",
        "native/ring.cc",
        "native/trial.cc"
      ],
      "include_dirs": ["<!@(node -p \"require('node-addon-api').include\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags": ["-Wall", "-Wextra", "-Werror"],
      "cflags_cc": ["-std=c++17", "-fvisibility=hidden", "-Wno-cast-function-type", "<!@(pkg-config --cflags libbpf)"],
      "cflags_cc!": ["-std=gnu++20", "-std=gnu++17", "-fexceptions"],
      "libraries": [
        "<!@(if test -n \"$BPFWARDEN_LIBRARIES\"; then echo $BPFWARDEN_LIBRARIES; exit; fi; d=$(pkg-config --variable=libdir libbpf 2>/dev/null); for f in \"$d/libbpf.a\" /usr/lib/*-linux-gnu/libbpf.a /usr/lib64/libbpf.a /usr/lib/libbpf.a; do test -e \"$f\" && echo \"$f\" -lelf -lz && break; done)"
      ],
      "ldflags": ["-Wl,--wrap=stderr", "-Wl,--exclude-libs,ALL", "-Wl,-z,relro,-z,now"]
    }
  ]
}
