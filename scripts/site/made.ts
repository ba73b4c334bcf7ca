/** A page as it was made, with links as they stand in the tree. */
export interface Made {
  title: string;
  /** A sentence, for search engines and for lists of pages. */
  about: string;
  /** HTML; its headings begin with h2. */
  body: string;
}
