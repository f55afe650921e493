export default {
  kit: {
    // SvelteKit takes a text from elsewhere for a forged form; the signature tells that it is not.
    csrf: { trustedOrigins: ["*"] },
  },
};
